"""The recorder: what it keeps, what it refuses, and that its text means what was recorded."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimctheory.tree import recorder
from aimctheory.tree.printed import lines, text
from aimctheory.tree.recorder import Names, Node, evaluate, numpy_ops, record, recording_ops

W, P = Node("state", (), "W"), Node("state", (), "P")
OPS = recording_ops(("W", "P"), ("read",))


def written(function, *args):
    """The lines that a function is printed as, and its results."""
    return lines(record(function, *args))


# -- names and order ------------------------------------------------------------------------------


def test_lines_stand_in_source_order_under_the_names_of_the_source():
    def step(w, p):
        slope = 2.0 * (w - 0.5)
        shift = slope * slope
        return {"W": w - shift, "P": p + slope}

    assert written(step, W, P)[0] == [
        "slope = 2.0 * (state_W - 0.5)",
        "shift = slope * slope",
        "W = state_W - shift",
        "P = state_P + slope",
    ]


def test_a_value_used_twice_without_a_name_gets_one():
    body, found = written(lambda w: (w + 1.0) * 3.0 - abs(w), W)
    assert body == ["value = (state_W + 1.0) * 3.0 - abs(state_W)"]

    def shared(w):
        return (lambda x: x * x)(w - 1.0)

    body, found = written(shared, W)
    assert body == ["t1 = state_W - 1.0", "value = t1 * t1"]
    assert found == {"value": "value"}


def test_a_made_up_name_gives_way_to_one_of_the_source():
    def step(w):
        t1 = w + 1.0
        return (lambda x: x * x)(w - t1)

    assert written(step, W)[0] == ["t1 = state_W + 1.0", "t1_ = state_W - t1", "value = t1_ * t1_"]


def test_a_local_variable_named_like_a_function_of_the_kernel_is_renamed():
    def step(w):
        sign = OPS.sign(w)
        sqrt = OPS.sqrt(sign)
        return OPS.sign(sqrt) * sign

    assert written(step, W)[0] == [
        "sign_ = sign(state_W)",
        "sqrt_ = sqrt(sign_)",
        "value = sign(sqrt_) * sign_",
    ]


def test_a_name_that_is_assigned_twice_stays_with_the_last_value():
    def step(w):
        x = w + 1.0
        x = x * 2.0
        return x - w

    assert written(step, W)[0] == ["x = (state_W + 1.0) * 2.0", "value = x - state_W"]


def test_a_value_with_two_names_keeps_the_first():
    def step(w):
        first = w + 1.0
        second = first
        return second * 2.0

    assert written(step, W)[0] == ["first = state_W + 1.0", "value = first * 2.0"]


def test_names_of_values_that_do_not_reach_the_result_are_left_out():
    def step(w):
        _unused = w * 7.0
        return w + 1.0

    assert written(step, W)[0] == ["value = state_W + 1.0"]


def test_functions_that_are_watched_lend_their_names_too():
    def inner(w):
        square = w * w
        return square + 1.0

    def outer(w):
        return inner(w) * 2.0

    named = record(outer, W, watched=(inner,))
    assert lines(named)[0] == ["square = state_W * state_W", "value = (square + 1.0) * 2.0"]
    assert lines(record(outer, W))[0] == ["value = (state_W * state_W + 1.0) * 2.0"]


def test_a_result_that_is_an_input_needs_no_line():
    body, found = written(lambda w, p: {"W": w, "P": 0.5}, W, P)
    assert (body, found) == ([], {"W": "state_W", "P": "0.5"})


def test_nothing_is_simplified():
    body, _ = written(lambda w: (w + 0.0) * 1.0 - (w - w), W)
    assert body == ["value = (state_W + 0.0) * 1.0 - (state_W - state_W)"]


# -- noise ----------------------------------------------------------------------------------------


def test_a_stream_named_twice_is_the_same_number():
    ops = recording_ops((), ("read",))
    assert ops.noise("read") is ops.noise("read")


def test_a_stream_drawn_per_row_and_per_element_is_refused():
    ops = recording_ops((), ("read",))
    ops.noise("read", per="row")
    with pytest.raises(ValueError, match="drawn per row and per element in one step; name two"):
        ops.noise("read")


def test_an_unknown_stream_lists_the_known_ones():
    with pytest.raises(ValueError, match="no noise stream 'write'; this one has: read"):
        OPS.noise("write")


def test_an_unknown_per_lists_the_choices():
    with pytest.raises(ValueError, match="per='layer': choose 'element', 'row' or 'column'"):
        OPS.noise("read", per="layer")


def test_a_trace_knows_its_streams():
    ops = recording_ops((), ("read", "write"))
    drawn = record(lambda w: w + ops.noise("read", per="row"), W).result["value"].args[1]
    assert drawn.label == ("read", "row")


# -- what a step cannot do ------------------------------------------------------------------------


MISUSES = {
    "if": (lambda w: w if w > 0 else -w, r"cannot branch on a traced value; use ops.where"),
    "max": (lambda w: max(w, 0.0), "cannot branch"),
    "and": (lambda w: w and 1.0, "cannot branch"),
    "chain": (lambda w: 0.0 < w < 1.0, "cannot branch"),
    "power": (lambda w: w**2, r"no \*\* operator; write the product out, or use ops.sqrt"),
    "whole": (lambda w: w // 2, "no // operator; use %"),
    "not": (lambda w: ~(w > 0), "no ~ operator; write the opposite comparison"),
    "math": (math.exp, "no number yet; use ops.exp, ops.log, ops.sqrt, ops.sign or abs"),
    "float": (float, "no number yet"),
    "sum": (sum, "written for one element; it cannot iterate"),
    "text": (lambda w: w + "1", "works on numbers and traced values, not on '1'"),
    "complex": (lambda w: w + 1j, "not on 1j"),
    "array": (lambda w: w * np.ones(2), r"not on array\(\[1., 1.\]\)"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_what_a_step_cannot_do_is_said_with_the_way_out(misuse):
    function, said = MISUSES[misuse]
    with pytest.raises(ValueError, match=said):
        record(function, W)


def test_numpy_functions_refuse_nodes():
    with pytest.raises(TypeError):
        np.exp(W)


def test_the_profiler_of_before_is_restored_even_after_a_failure():
    import sys

    seen = []
    sys.setprofile(lambda *_: seen.append(1))
    mine = sys.getprofile()
    try:
        with pytest.raises(ValueError, match="branch"):
            record(lambda w: bool(w), W)
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("what", ["array", "hyper-parameter"])
def test_an_unknown_attribute_lists_the_known_ones(what):
    with pytest.raises(ValueError, match=rf"no {what} 'Q'; this one has: P, W"):
        _ = Names(what, {"P": 1, "W": 2}).Q


def test_an_unknown_array_of_pulse_lists_the_arrays():
    with pytest.raises(ValueError, match="no array 'H'; this one has: W, P"):
        OPS.pulse.H(W, 1.0)


# -- the text means the tree ----------------------------------------------------------------------


NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.5, 2.0, 1e-300, 0.1, 3.0, -7.25])


def node(kinds, *parts):
    """A strategy for nodes of one of `kinds` with arguments from `parts`."""
    return st.tuples(st.sampled_from(kinds), st.tuples(*parts)).map(lambda x: Node(*x))


def trees():
    """Random trees of arithmetic, comparisons, selects and calls over two inputs."""
    leaves = st.sampled_from([W, P]) | NUMBERS.map(lambda x: Node("number", (), x))

    def grow(parts):
        comparison = node(["<", "<=", ">", ">=", "==", "!="], parts, parts)
        both = node(["&", "|"], comparison, comparison)
        nested = node(["&", "|", "==", "!="], both, comparison) | node(["&", "|"], both, both)
        return (
            node(["+", "-", "*", "/", "%"], parts, parts)
            | node(["neg", "abs", "sign", "sqrt", "exp", "log"], parts)
            | node(["where"], comparison | both | nested, parts, parts)
        )

    return st.recursive(leaves, grow, max_leaves=20)


def meaning(names):
    """What the text of a kernel may call, on NumPy scalars."""
    return {**recorder.NUMPY_CALLS, "abs": np.abs, **names}


INPUTS = {"W": np.float64(0.7), "P": np.float64(-1.3)}
SCOPE = meaning({f"state_{name}": value for name, value in INPUTS.items()})


def value_of(tree):
    return evaluate(tree, lambda leaf: INPUTS[leaf.label])


def same(a, b):
    return np.float64(a).tobytes() == np.float64(b).tobytes() or (np.isnan(a) and np.isnan(b))


def outcome(compute):
    """A value, or None where two constants make Python divide by zero or overflow."""
    with np.errstate(all="ignore"):
        try:
            return compute()
        except (ZeroDivisionError, OverflowError):
            return None


def agree(a, b):
    return (a is None and b is None) or same(a, b)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(trees())
def test_the_text_of_a_tree_evaluates_to_the_tree(tree):
    assert agree(outcome(lambda: eval(text(tree), SCOPE)), outcome(lambda: value_of(tree)))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(trees(), min_size=1, max_size=3))
def test_the_lines_of_a_trace_evaluate_to_the_tree(parts):
    # every tree is used twice, so that its parts get lines of their own
    result = {f"r{i}": part * part for i, part in enumerate(parts)}
    body, found = lines(recorder.Trace((), result))

    def run(key):
        scope = dict(SCOPE)
        with np.errstate(all="ignore"):
            exec("\n".join(body), scope)
        return eval(found[key], scope)

    values = {key: outcome(lambda node=node: value_of(node)) for key, node in result.items()}
    if None not in values.values():
        assert all(same(run(key), value) for key, value in values.items())


PRINTED = [
    (W - (P - 1.0), "state_W - (state_P - 1.0)"),
    (W - P - 1.0, "state_W - state_P - 1.0"),
    (W / (P * 2.0), "state_W / (state_P * 2.0)"),
    ((W + 1.0) * P, "(state_W + 1.0) * state_P"),
    (-(W + P), "-(state_W + state_P)"),
    (-W * P, "-state_W * state_P"),
    (W - -2.0, "state_W - (-2.0)"),
    (W * -2.0, "state_W * (-2.0)"),
    ((W > 0.0) & (P < 1.0), "(state_W > 0.0) & (state_P < 1.0)"),
    ((W > P) == (P > W), "(state_W > state_P) == (state_P > state_W)"),
    (W % 3.0 == 0.0, "state_W % 3.0 == 0.0"),
]


@pytest.mark.parametrize(("tree", "expected"), PRINTED, ids=[x[1] for x in PRINTED])
def test_parentheses_stand_where_the_order_of_operations_needs_them(tree, expected):
    assert text(tree) == expected
    assert same(eval(text(tree), SCOPE), value_of(tree))


def test_a_number_is_written_so_that_it_is_read_back_exactly():
    x = 0.1 + 0.2
    assert eval(text(W * x), {"state_W": 1.0}) == x


@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_is_written_as_a_name_kernels_know(x):
    scope = {"state_W": np.float64(2.0), "inf": np.inf, "nan": np.nan}
    assert same(eval(text(W * x), scope), 2.0 * x)


def test_numpy_ops_offers_every_operation_that_the_recorder_does():
    plain = numpy_ops()
    assert plain.where(np.array([True, False]), 1.0, 2.0).tolist() == [1.0, 2.0]
    for name in ("sign", "sqrt", "exp", "log", "abs"):
        recorded = getattr(OPS, name)(W)
        assert same(
            getattr(plain, name)(np.float64(0.3)), evaluate(recorded, lambda _: np.float64(0.3))
        )
