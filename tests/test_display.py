"""Descriptions of responses, algorithms and kernels are text, true, and need no command line."""

import ast
import subprocess
import sys

import pytest
import sympy

import aimctheory as at
from aimctheory.display.algorithms import describe_algorithm
from aimctheory.display.kernels import describe_kernel
from aimctheory.display.responses import describe_conditions, describe_response
from aimctheory.display.text import WIDTH, field
from aimctheory.notation import REALS, Parameter, Source

DEFINITION_1 = (
    "q_up > 0 below saturation",
    "q_down > 0 above saturation",
    "q_up differentiable on the closed range",
    "q_down differentiable on the closed range",
    "q_up = 0 at saturation",
    "q_down = 0 at saturation",
    "exactly one symmetric point",
)


def conditions(device):
    """The head of the text, and (verdict, witness) by the condition's name."""
    head, *lines = describe_conditions(device).splitlines()
    found = {}
    for line in lines:
        name, _, rest = line.strip().partition(": ")
        word, _, witness = rest.partition(" (")
        found[name] = (word, witness.removesuffix(")"))
    return head, found


def test_the_linear_response_meets_every_condition():
    head, found = conditions(at.linear(tau=1, c=0.3))
    assert head == "conditions (tau=1, c=0.3)"
    assert tuple(found) == DEFINITION_1
    assert {word for word, _ in found.values()} == {"true"}
    assert found["exactly one symmetric point"][1] == "w = 0.3 (simple)"
    assert found["q_up differentiable on the closed range"][1] == "|slope| ≤ 1.3"


def test_the_power_response_below_1_is_not_differentiable_where_it_saturates():
    head, found = conditions(at.power(tau=1, gamma=0.5))
    assert head == "conditions (tau=1, gamma=0.5)"
    assert [name for name, (word, _) in found.items() if word == "false"] == [
        "q_up differentiable on the closed range",
        "q_down differentiable on the closed range",
    ]
    assert "infinite there" in found["q_up differentiable on the closed range"][1]
    assert "from w = 1," in found["q_up differentiable on the closed range"][1]
    assert "from w = -1," in found["q_down differentiable on the closed range"][1]


def test_the_ideal_response_has_no_saturation_and_no_one_symmetric_point():
    head, found = conditions(at.ideal())
    assert head == "conditions (no numbers)"
    assert [name for name, (word, _) in found.items() if word == "false"] == [
        "q_up = 0 at saturation",
        "q_down = 0 at saturation",
        "exactly one symmetric point",
    ]
    assert found["q_up = 0 at saturation"][1] == "the dynamic range is unbounded"


def test_a_device_with_arrays_is_one_sentence():
    with pytest.raises(ValueError, match="for one cell, and tau is an array"):
        describe_conditions(at.linear(tau=[[1.0], [2.0]]))


def test_typical_numbers_that_make_no_device_are_a_sentence_and_the_others_are_described():
    a = Parameter("a", at.real("a"), REALS, (-1.0, 1.0), "an end of the range")
    response = at.Response(
        1 - at.w, 1 + at.w / a.symbol, parameters=(a,), dynamic_range=(-a.symbol, 1), id="odd"
    )
    text = describe_response(response)
    assert "\nodd(a=-1): the dynamic range [" in text
    assert "conditions (a=1)" in text


def test_a_response_of_the_users_own_is_described():
    tau = at.positive("tau")
    x = at.w / tau
    mine = at.Response(up=(1 - x) * (1 + x / 2), down=(1 + x) * (1 - x / 2), id="mine")
    lines = describe_response(mine).splitlines()
    formulas = {line[:16].strip(): line[16:] for line in lines if line[:16].strip()}
    names = {"tau": tau, "w": at.w}
    assert sympy.simplify(sympy.sympify(formulas["F"], names) - (1 - x**2 / 2)) == 0
    assert sympy.simplify(sympy.sympify(formulas["G"], names) - x / 2) == 0
    assert formulas["symmetric point"] == "0"
    assert not any(line.startswith("printed") for line in lines)


def test_an_algorithm_shows_its_code_and_its_drift():
    text = describe_algorithm(at.residual_learning)
    for part in ("arrays    P, W", "noises    ", "def step(", "E[P' - P] = ", "E[W' - W] = "):
        assert part in text


@pytest.mark.parametrize("algorithm", ["analog_sgd", "digital_sgd", "residual_learning_v2"])
def test_the_kernel_of_an_algorithm_is_a_module(algorithm):
    text = describe_kernel(getattr(at, algorithm))
    functions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    assert "update" in functions


def test_the_kernel_of_a_response_is_that_of_analog_sgd_on_it():
    assert describe_kernel(response=at.linear) == describe_kernel(at.analog_sgd)
    assert describe_kernel(response=at.power) != describe_kernel()


def test_a_field_is_wrapped_below_its_name():
    (text,) = field("states", "word " * 40)
    first, *more = text.splitlines()
    assert first.startswith("states    word")
    assert all(line.startswith(" " * 10 + "word") for line in more)
    assert max(map(len, [first, *more])) <= WIDTH
    assert list(field("printed", Source("RF25", "(2), p. 3"))) == ["printed   RF25 (2), p. 3"]


def test_a_description_needs_no_command_line():
    code = (
        "import sys, aimctheory as at; from aimctheory.display.responses import describe_response;"
        "describe_response(at.linear);"
        "print([name for name in sys.modules if name.startswith(('aimctheory.command', 'click'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
