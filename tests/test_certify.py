"""What is certain about a device: proofs, counter-examples and honest silence."""

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, cosh, exp, log, sqrt

from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.certified.conditions import Condition, prove_positive
from aimctheory.device import Device
from aimctheory.notation import real, w
from aimctheory.response import Response

ONE = sympy.Integer(1)
PROPERTY = settings(derandomize=True, deadline=None, max_examples=25)


def on_the_unit_range(formula: sympy.Expr, **ends: bool) -> Condition:
    return prove_positive(formula, -ONE, ONE, **ends)


# ---- positivity ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "formula",
    [
        2 + w**3,
        exp(w) - w / 2,
        cosh(5 * w) - Rational(999, 1000),
        (w - Rational(1, 3)) ** 2 + Rational(1, 10**12),
        exp(-5 * w) / (2 - w),
        (2 - w) ** Rational(7, 3) * sqrt(2 + w),
        log(3 + w),
        sympy.Integer(1),
    ],
    ids=str,
)
def test_a_positive_formula_is_proved_positive(formula):
    assert on_the_unit_range(formula).verdict is True


@pytest.mark.parametrize(
    ("formula", "witness"),
    [
        (w + Rational(1, 2), "-0.5 at w = -1"),
        (w**2 - Rational(1, 10), "-0.1 at w = 0"),
        ((w - Rational(1, 3)) ** 2, "3*w - 1 = 0 at w = 0.3333333333"),
        (1 - w, "0 at w = 1"),
        (1 / (w - Rational(1, 3)) ** 2, "3*w - 1 = 0 at w = 0.3333333333"),
        (log(w), "not a finite real number at w = -1"),
        (sqrt(w - Rational(1, 3)), "not a finite real number at w = -1"),
        (sympy.Integer(0), "0 at w = -1"),
    ],
    ids=str,
)
def test_a_formula_that_is_not_positive_has_a_witness(formula, witness):
    found = on_the_unit_range(formula)
    assert found.verdict is False
    assert found.witness.startswith(witness)
    assert found.at is not None


def test_a_dip_between_all_samples_is_not_called_positive():
    # −1e-8 at w = 1/3, positive already 1e-7 away: planted to defeat any grid
    dip = (w - Rational(1, 3)) ** 2 * 10**6 - Rational(1, 10**8)
    assert on_the_unit_range(dip).verdict is False
    assert on_the_unit_range(dip * exp(w)).verdict is False
    bent = cosh(w - Rational(1, 3)) - 1 - Rational(1, 10**16)
    assert on_the_unit_range(bent).verdict is False


def test_a_touching_zero_that_is_not_isolated_is_undecided():
    square = (exp(w) - 2) ** 2
    assert on_the_unit_range(square).verdict is False  # its base has a simple zero
    found = on_the_unit_range(sympy.expand(square))
    assert found.verdict is None
    assert "may vanish" in found.witness


@pytest.mark.parametrize(
    "formula",
    [1 - w, (1 - w) ** 3, (1 - w) ** Rational(1, 5), exp(1 - w) - 1, 1 - w**2 + (1 - w) ** 2],
    ids=str,
)
def test_a_zero_at_an_open_end_is_allowed(formula):
    assert on_the_unit_range(formula, open_high=True).verdict is True
    assert on_the_unit_range(formula).verdict is False


def test_a_zero_next_to_an_open_end_is_not_allowed():
    near = (1 - w) * (1 - Rational(1, 10**9) - w)
    assert on_the_unit_range(near, open_high=True).verdict is False


def test_a_root_of_zero_at_an_end_is_a_value_and_not_a_failure():
    # balls cannot tell (4/7 − w/7) at 4 or 2 − w² at √2 from a tiny negative number
    assert prove_positive(1 + sqrt((4 - w) / 7), -ONE, 4 * ONE).verdict is True
    assert prove_positive(1 + sqrt(2 - w**2) * exp(w), -ONE, sqrt(2)).verdict is True


def test_positivity_on_the_whole_line_is_proved_for_polynomials():
    assert prove_positive(w**4 - w + 1, -sympy.oo, sympy.oo).verdict is True
    assert prove_positive(w**4 - w, -sympy.oo, sympy.oo).verdict is False


@PROPERTY
@given(st.integers(-200, 200), st.integers(-50, 50))
def test_a_parabola_is_positive_exactly_when_its_vertex_is(numerator, height):
    vertex = Rational(numerator, 200)
    formula = ((w - vertex) ** 2 + Rational(height, 10**7)) * exp(w)
    assert on_the_unit_range(formula).verdict is (height > 0)


def test_a_condition_prints_its_verdict_and_witness():
    assert str(on_the_unit_range(2 + w)) == "w + 2 > 0: true (no zero, 1 at w = -1)"
    assert str(Condition("x", None, "open")) == "x: undecided (open)"


# ---- symmetric points ------------------------------------------------------------------------

TWO = sympy.Integer(2)


def device(up: sympy.Expr, down: sympy.Expr, low=-1, high=1) -> Device:
    return Response(up=up, down=down, dynamic_range=(low, high))()


def places(cell: Device) -> list[tuple[float, int | None]]:
    return [(root.value, root.multiplicity) for root in cell.symmetric_points()]


GAPS = {
    "a simple root": (w - Rational(3, 10), [(0.3, 1)]),
    "a double root": ((w - Rational(3, 10)) ** 2, [(0.3, 2)]),
    "a triple root": (w**3, [(0.0, 3)]),
    "a root at the lower end": (w + 1, [(-1.0, 1)]),
    "a root at the upper end": ((w - 1) ** 2, [(1.0, 2)]),
    "no root": (w**2 + Rational(1, 10), []),
    "several roots": (w * (w**2 - Rational(1, 4)), [(-0.5, 1), (0.0, 1), (0.5, 1)]),
}


@pytest.mark.parametrize(("gap", "expected"), GAPS.values(), ids=GAPS)
def test_the_roots_of_a_polynomial_pair_are_found(gap, expected):
    assert places(device(TWO - gap / 4, TWO + gap / 4)) == expected


@pytest.mark.parametrize(("gap", "expected"), GAPS.values(), ids=GAPS)
def test_the_roots_of_a_bent_pair_are_found_or_left_undecided(gap, expected):
    # the same zeros, but no rational function: only hints (0, the ends) settle a multiple root
    found = places(device((TWO - gap / 4) * exp(w / 9), (TWO + gap / 4) * exp(w / 9)))
    assert [place for place, _ in found] == pytest.approx([p for p, _ in expected], abs=1e-11)
    settled = [m if m == 1 or p in (0, -1, 1) else None for p, m in expected]
    assert [m for _, m in found] == settled


def test_one_point_undecided_is_no_symmetric_point():
    gap = (w - Rational(3, 10)) ** 2
    cell = device((TWO - gap) * exp(w / 9), (TWO + gap) * exp(w / 9))
    with pytest.raises(ValueError, match=r"has 0 and 1 undecided symmetric points in \[-1, 1\]"):
        cell.symmetric_point()


@pytest.mark.parametrize("width", [1e-6, 1.0, 123.456, 1e9])
def test_the_readme_formula_is_symmetric_at_w_0_for_any_width(width):
    tau, w_0 = sympy.Symbol("tau", positive=True), real("w_0")
    y = (w - w_0) / tau
    cell = Response(up=(1 - y) * (1 + y / 2), down=(1 + y) * (1 - y / 2))(tau=width, w_0=0.1)
    assert cell.symmetric_point() == 0.1


@pytest.mark.parametrize("c", [0.3, 1e-9, -0.7777777777777778, 5e-324, 0.999999])
def test_the_symmetric_point_of_the_linear_response_is_c_tau_rounded_once(c):
    # 0.1 + 0.2 style noise would show here: constants enter as the decimals they say
    cell = linear(tau=0.1, c=c)
    assert cell.symmetric_point() == float(Rational(repr(c)) / 10)


def test_equal_responses_have_no_point_to_isolate():
    assert ideal().symmetric_points() == ()
    assert device(exp(w) * (1 + w) + 1, exp(w) + w * exp(w) + 1, -2, 2).symmetric_points() == ()
    hidden = device(2 + cosh(w) ** 2, 3 + sympy.sinh(w) ** 2)
    with pytest.raises(ValueError, match="every weight is symmetric"):
        hidden.symmetric_point()


# ---- RF25, Definition 1 ----------------------------------------------------------------------

NAMES = [
    "q_up > 0 below saturation",
    "q_down > 0 above saturation",
    "q_up differentiable on the closed range",
    "q_down differentiable on the closed range",
    "q_up = 0 at saturation",
    "q_down = 0 at saturation",
    "exactly one symmetric point",
]


def verdicts(cell: Device) -> dict[str, bool | None]:
    return {condition.name: condition.verdict for condition in cell.conditions()}


@pytest.mark.parametrize(
    "cell",
    [
        linear(tau=1),
        linear(tau=0.3, c=-0.9),
        soft_bounds(w_0=0.1, tau_max=4, tau_min=-3),
        *(power(tau=1, gamma=g) for g in (1, 1.5, 2, 3, 4)),
        *(exponential(tau=1, gamma=g) for g in (-4, -0.5, 0.5, 4)),
    ],
    ids=repr,
)
def test_definition_1_is_proved_for_the_catalogue(cell):
    assert verdicts(cell) == dict.fromkeys(NAMES, True)


@pytest.mark.parametrize("gamma", [0.2, 0.5, 0.99])
def test_a_small_exponent_is_not_differentiable_at_saturation(gamma):
    conditions = {c.name: c for c in power(tau=2, gamma=gamma).conditions()}
    failed = {name for name, c in conditions.items() if not c.verdict}
    assert failed == {NAMES[2], NAMES[3]}
    assert "from w = 2, infinite there" in conditions[NAMES[2]].witness
    assert conditions[NAMES[3]].at == -2.0


def test_the_ideal_response_never_saturates():
    false = {name for name, verdict in verdicts(ideal()).items() if verdict is False}
    assert false == {NAMES[4], NAMES[5], NAMES[6]}


def test_a_response_that_stops_short_of_zero_does_not_saturate():
    (condition,) = (c for c in device(TWO - w, 1 + w, -1, 1).conditions() if c.name == NAMES[4])
    assert (condition.verdict, condition.witness) == (False, "1 at w = 1")


def test_two_symmetric_points_fail_the_last_condition_with_both_named():
    gap = (w**2 - Rational(1, 4)) / 4
    last = device(TWO - gap, TWO + gap).conditions()[-1]
    assert (last.verdict, last.witness) == (False, "w = -0.5 (simple), 0.5 (simple)")


def test_no_symmetric_point_fails_the_last_condition():
    last = device(TWO, TWO + 2 + w).conditions()[-1]
    assert (last.verdict, last.witness) == (False, "none")


def test_a_response_that_dips_below_zero_is_reported_not_raised():
    dip = (w - Rational(1, 3)) ** 2 - Rational(1, 10**6)
    first = device((1 - w) * dip, 1 + w).conditions()[0]
    assert first.verdict is False


def test_a_spot_that_cannot_be_settled_is_reported_undecided():
    gap = (w - Rational(3, 10)) ** 2
    last = device((TWO - gap) * exp(w / 9), (TWO + gap) * exp(w / 9)).conditions()[-1]
    assert last.verdict is None
