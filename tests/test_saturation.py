"""Zeros in closed form, zeros isolated, and the dynamic range that follows from two formulas."""

import pickle
import random

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational, cosh, exp, log, sqrt, tanh

from aimctheory.certified import integrals
from aimctheory.certified.balls import at
from aimctheory.certified.closed_form import common_unit, is_quick_to_simplify
from aimctheory.certified.implicit import IsolatedZero
from aimctheory.certified.integrals import antiderivative
from aimctheory.certified.points import vanishes_at
from aimctheory.certified.saturation import _is_positive
from aimctheory.certified.solutions import real_zeros
from aimctheory.notation import positive, real, w
from aimctheory.response import Response
from tests.comparison import uncompiled

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)
a, b, tau = positive("a"), positive("b"), positive("tau")


def places(zeros):
    return sorted(float(zero) for zero in zeros)


# ---- zeros in closed form --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "zeros"),
    [
        (1.3 * exp(-1.296 * w) - 0.66, [np.log(1.3 / 0.66) / 1.296]),
        (1.4 * exp(1.151 * w) - 0.5, [np.log(0.5 / 1.4) / 1.151]),
        (tanh(1.42 * (1 + w)), [-1.0]),
        (1 - tanh(2 * w), []),
        (exp(2 * w) - 3 * exp(w) + 2, [0.0, np.log(2)]),
        (cosh(w) - 2, [-np.arccosh(2), np.arccosh(2)]),
        (exp(-(w**2)) - Rational(1, 2), [-np.sqrt(np.log(2)), np.sqrt(np.log(2))]),
        (exp(-30000 * w) - Rational(1, 5), [np.log(5) / 30000]),
        (log(3 - w), [2.0]),
        (log(1 + w) - 0.5, [np.sqrt(np.e) - 1]),
        (sqrt(1 - w) - Rational(1, 3), [8 / 9]),
        ((1 - w) ** Rational(7, 10) + (1 - w) / 10, [1.0]),
        ((1 - w) ** Rational(3, 2) + w - 1, [0.0, 1.0]),
        (2**w - 3, [np.log2(3)]),
        (exp(exp(w)) - 3, [np.log(np.log(3))]),
        (1.02 - 0.43 * w - 0.31 * w**2 - 0.27 * w**3, [1.0053590284713078]),
        ((1 - w) * (1 + Rational(3, 2) * exp(-((w + 1) ** 2))), [1.0]),
        ((1 - w) / (2 - w), [1.0]),
        (exp(w), []),
    ],
    ids=str,
)
def test_the_zeros_of_a_formula_are_listed_completely(formula, zeros):
    found = real_zeros(sympy.nsimplify(formula, rational=True))
    assert places(found) == pytest.approx(sorted(zeros), abs=1e-12)


@pytest.mark.parametrize(
    "formula",
    [1 - w * exp(w), exp(w) - w - 2, w + log(2 + w), exp(w) + exp(sqrt(2) * w) - 3],
    ids=str,
)
def test_a_formula_beyond_the_rules_is_left_alone(formula):
    assert real_zeros(formula) is None


def test_a_polynomial_of_degree_12_has_its_zeros_listed_and_one_of_13_has_not():
    assert places(real_zeros(w**12 - 2)) == pytest.approx([-(2 ** (1 / 12)), 2 ** (1 / 12)])
    assert real_zeros(w**13 - 2) is None
    cubic = sympy.expand((w**2 - a) * (w - b))
    assert set(real_zeros(cubic)) == {sqrt(a), -sqrt(a), b}


def test_a_formula_that_is_zero_everywhere_has_no_list_of_zeros():
    assert real_zeros(cosh(w) ** 2 - sympy.sinh(w) ** 2 - 1) is None
    disguised = exp(w) * (exp(w) + 1) - exp(2 * w) - exp(w)
    assert real_zeros(disguised) is None


def test_a_fraction_that_sympy_would_not_join_is_left_alone():
    assert real_zeros(Rational(3, 7) ** Rational(12345, 10000) / (1 + w) - 2) is None


def test_the_common_unit_is_the_largest_one():
    assert common_unit([2 * w, 4 * w]) == 2 * w
    assert common_unit([6 * w, -4 * w, 3 * w]) == w
    assert common_unit([w, sqrt(2) * w]) is None


def test_numbers_that_sympy_would_work_on_for_minutes_are_known():
    assert is_quick_to_simplify(tanh(3) + sqrt(2))
    assert not is_quick_to_simplify(tanh(1000) - 1)
    assert not is_quick_to_simplify(Rational(3, 7) ** Rational(12345, 10000) - tanh(1) * sqrt(2))


def test_symbols_stay_in_the_zeros():
    assert real_zeros(a * exp(-b * w) - 1) == (log(a) / b,)
    assert real_zeros((1 - w / tau) ** a) == (tau,)


@PROPERTY
@given(
    st.lists(st.integers(-9, 9), min_size=3, max_size=3),
    st.integers(1, 6),
    st.integers(-5, 5),
)
def test_every_change_of_sign_of_an_exponential_polynomial_is_at_a_listed_zero(numbers, n, shift):
    c, d, e = numbers
    formula = c * exp(2 * n * w / 3) + d * exp(n * w / 3) + e + Rational(shift, 7)
    if not formula.has(w):
        return
    grid = np.linspace(-8, 8, 4001)
    values = sympy.lambdify(w, formula, "numpy")(grid)
    changes = grid[:-1][np.sign(values[:-1]) * np.sign(values[1:]) < 0]
    found = np.array(places(real_zeros(formula)) or [np.inf])
    assert all(np.min(np.abs(found - place)) < 0.005 for place in changes)
    for zero in found[np.abs(found) < 8]:
        scale = abs(c) + abs(d) + abs(e) + 1
        assert abs(sympy.lambdify(w, formula, "mpmath")(mpmath.mpf(zero))) < 1e-9 * scale * np.exp(
            2 * n * abs(zero) / 3
        )


# ---- zeros as exact numbers ------------------------------------------------------------------


@pytest.fixture(scope="module")
def omega():
    """−Ω, the zero of e^w + w."""
    return IsolatedZero(exp(w) + w, Rational(-3, 5), Rational(-1, 2))


def test_an_isolated_zero_has_as_many_digits_as_asked_for(omega):
    mpmath.mp.dps = 60
    try:
        exact = -mpmath.lambertw(1)
        assert abs(mpmath.mpf(str(omega.evalf(50))) - exact) < 1e-49
    finally:
        mpmath.mp.dps = 15
    assert at(omega).contains(ball_of(exact))


def ball_of(number):
    from flint import arb

    return arb(mpmath.nstr(number, 30))


def test_an_isolated_zero_is_a_real_number_for_sympy(omega):
    assert omega < 0
    assert omega.is_real
    assert omega.is_zero_of(-3 * (exp(w) + w) / 7)
    assert not omega.is_zero_of(exp(w) + w + 1)
    assert omega.is_negative
    assert not (w - omega).subs(w, omega)
    assert (w - omega).free_symbols == {w}
    assert sympy.Max(omega, -1) == omega
    assert omega == pickle.loads(pickle.dumps(omega))
    assert {omega: 1}[IsolatedZero(exp(w) + w, Rational(-3, 5), Rational(-1, 2))] == 1


# ---- the dynamic range -----------------------------------------------------------------------

BUMPS = (
    (1 - w) * (1 + 1.5 * exp(-(((w + 0.3) / 0.35) ** 2))),
    (1 + w) * (0.6 + 1.2 * exp(-(((w + 0.6) / 0.22) ** 2))),
)
RANGES = {
    "an exponential": (1.3 * exp(-1.296 * w) - 0.66, 1 + w, -1, np.log(1.3 / 0.66) / 1.296),
    "two exponentials": (
        1.3 * exp(-1.296 * w) - 0.66,
        1.4 * exp(1.151 * w) - 0.5,
        np.log(0.5 / 1.4) / 1.151,
        np.log(1.3 / 0.66) / 1.296,
    ),
    "a hyperbolic tangent": (1 - w, tanh(1.42 * (1 + w)), -1, 1),
    "bumps": (*BUMPS, -1, 1),
    "siemens": (
        exp(-30000 * w) - 0.2,
        1.2 - exp(-30000 * w),
        -np.log(1.2) / 30000,
        np.log(5) / 30000,
    ),
    "tanh, positive everywhere": (1 - tanh(2 * w), 1 + tanh(2 * w), -np.inf, np.inf),
    "a cubic": (1.02 - 0.43 * w - 0.31 * w**2 - 0.27 * w**3, 1 + w, -1, 1.0053590284713078),
    "exponentials without a zero": (exp(-2 * w), exp(2 * w), -np.inf, np.inf),
    "no closed form": (
        1 - w * exp(w / 3),
        1 + w + 0.1 * exp(-w),
        -1.4093151075636648,
        0.77288295914921,
    ),
    "real powers": ((1 - w) ** 0.7 + 0.1 * (1 - w), (1 + w) ** 1.3, -1, 1),
    "logarithms": (log(3 - w), log(3 + w), -2, 2),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_dynamic_range_is_found_without_sympys_solver(monkeypatch, name):
    monkeypatch.setattr(sympy, "solve", lambda *_: pytest.fail("SymPy's solve may take minutes"))
    up, down, low, high = RANGES[name]
    cell = Response(up=up, down=down)()
    assert cell.dynamic_range == pytest.approx((low, high), rel=1e-13)


@pytest.mark.parametrize("name", RANGES)
def test_every_such_cell_has_certificates(name):
    up, down, low, high = RANGES[name]
    cell = Response(up=up, down=down)()
    (point,) = cell.symmetric_points()
    assert point.multiplicity == 1
    found = {c.name: c.verdict for c in cell.conditions()}
    assert found["exactly one symmetric point"] is True
    assert found["q_up = 0 at saturation"] is bool(np.isfinite(high))
    assert found["q_down = 0 at saturation"] is bool(np.isfinite(low))


def drawn_side(draw, sign):
    """A formula of one of eight kinds, falling for sign = +1 and rising for −1."""

    def number(low, high):
        return Rational(str(round(draw.uniform(low, high), 3)))

    x, kind = sign * w, draw.randrange(8)
    p, q, r = number(0.3, 2), number(0.2, 1.5), number(0.1, 0.9)
    return (
        lambda: p - q * x,
        lambda: p * exp(-q * x) - r * p / 2,
        lambda: p * (1 - tanh(q * x)) - r / 9,
        lambda: (1 - x) ** Rational(draw.randrange(3, 40), 10) + r / 20 * (1 - x),
        lambda: p - q * x - r * x**3,
        lambda: p - q * x * exp(r * x),
        lambda: log(1 + p - x) + r / 5 * (1 - x),
        lambda: (1 - x) * (p + q * exp(-(((x + r) / number(0.2, 0.6)) ** 2))),
    )[kind]()


@pytest.mark.parametrize("seed", range(24))
def test_a_drawn_pair_of_formulas_has_the_range_that_a_grid_sees(monkeypatch, seed):
    monkeypatch.setattr(sympy, "solve", lambda *_: pytest.fail("SymPy's solve may take minutes"))
    draw = random.Random(seed)
    response = Response(up=drawn_side(draw, 1), down=drawn_side(draw, -1))
    low, high = (float(end) for end in response.dynamic_range)
    grid = np.linspace(max(low, -20.0), min(high, 20.0), 2003)[1:-1]
    for q, end, beyond in ((response.up, high, 1e-6), (response.down, low, -1e-6)):
        f = sympy.lambdify(w, q, "mpmath")
        assert all(f(mpmath.mpf(x)) > 0 for x in grid[:: len(grid) // 50])
        if np.isfinite(end):
            assert abs(f(mpmath.mpf(end))) < 1e-9
            outside = f(mpmath.mpf(end + beyond))
            assert mpmath.im(outside) != 0 or mpmath.re(outside) <= 0


def test_the_symmetric_point_of_the_tanh_cell():
    up, down, *_ = RANGES["a hyperbolic tangent"]
    assert Response(up=up, down=down)().symmetric_point() == pytest.approx(0.0872317, abs=1e-7)


def test_no_number_without_a_closed_form_is_given_to_sympys_simplify(monkeypatch, omega):
    monkeypatch.setattr(sympy, "simplify", lambda number: pytest.fail(f"seconds over {number}"))
    for name, form in (("a cubic", "quadrature"), ("no closed form", "quadrature")):
        up, down, *_ = RANGES[name]
        cell = Response(up=up, down=down)()
        assert all(condition.verdict is not None for condition in cell.conditions())
        assert cell.penalty_form() == form
    assert not vanishes_at((exp(w) + w) * (2 + w), omega)  # not proved
    nearly = exp(w) - Rational(str(sympy.E.evalf(80))) + Rational(1, 10**60)
    assert not vanishes_at(nearly, sympy.S.One)
    assert _is_positive(nearly, sympy.S.One)
    assert not _is_positive(-nearly, sympy.S.One)
    # nor a root of a cubic: it is a zero of a multiple of its polynomial and of no other one
    root = sympy.CRootOf(w**3 + w - 1, 0)
    assert vanishes_at((w**3 + w - 1) * (w**2 + 3) / (2 + w), root)
    assert not vanishes_at(w**3 + w - 1 + Rational(1, 10**400), root)


def test_a_range_with_symbols_stays_symbolic():
    assert Response(up=a * exp(-b * w) - 1, down=1 + w / tau).dynamic_range == (-tau, log(a) / b)
    assert Response(up=1 - tanh(w / tau), down=1 + tanh(w / tau)).dynamic_range == (
        -sympy.oo,
        sympy.oo,
    )


def test_symbols_without_a_closed_form_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"have no closed form in a; give dynamic_range=\(low"):
        Response(up=1 - w - a * w * exp(w), down=1 + w)


def test_a_zero_of_the_other_response_inside_is_no_dynamic_range():
    # q₊ is positive above −2.6 and q₋ between −0.88 and 7.9: both ends are zeros of q₋
    with pytest.raises(ValueError, match="nowhere both positive from a zero of q_down"):
        Response(up=1 - w + w**3 / 5, down=1 + w - w**2 / 7)


# ---- penalties and names ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (exp(-2 * w), exp(2 * w)),
        (1 - tanh(w / tau), 1 + tanh(w / tau)),
        (1 - w**3, 1 + w**3),
        ((1 - w) * (1 + w / 2) ** 2, (1 + w) * (1 - w / 2) ** 2),
        (1 - w / 2 - w**3 / 2, 1 + w / 2 + w**3 / 2),
    ],
    ids=str,
)
def test_a_penalty_in_closed_form_is_the_integral_of_the_ratio(up, down):
    response = Response(up=up, down=down)
    cell = response(**{p.name: 1.3 for p in response.parameters})
    assert cell.penalty_form() == "closed form"
    formula = response.penalty().subs(tau, Rational(13, 10))
    for place in (-0.6, 0.2, 0.7):
        ratio = sympy.lambdify(w, response.ratio.subs(tau, Rational(13, 10)), "mpmath")
        assert abs(formula.subs(w, place).evalf(30) - mpmath.quad(ratio, [0, place])) < 1e-12


def test_a_penalty_without_a_closed_form_is_said_with_the_way_out():
    with pytest.raises(ValueError, match=r"no closed form of the penalty .* penalty\(w\)"):
        Response(up=1.3 * exp(-1.296 * w) - 0.66, down=1 + w).penalty()


def test_only_fractions_that_sympy_integrates_quickly_are_given_to_it(monkeypatch):
    assert antiderivative(w / (1 + w**4)).diff(w).subs(w, 2) == Rational(2, 17)
    assert antiderivative((1 + w**5) / (1 + w)) is not None
    monkeypatch.setattr(integrals, "ratint", lambda *_, **__: pytest.fail("this takes seconds"))
    for slow in (1 / (w**3 - w - 1), 1 / (w**4 + w + 1), w**6 / (1 + w), 1 / (w**6 + 1), a / w):
        assert antiderivative(slow) is None


def test_parameters_may_have_any_name():
    from aimctheory import analog_sgd, gaussian, quadratic, simulate

    up, low, center, gain = positive(r"\tau_+"), positive("G_{max}"), real("w^*"), positive("β₊")
    response = Response(up=gain * (1 - (w - center) / up), down=1 + (w - center) / low)
    numbers = {r"\tau_+": np.array([1.5, 2.0]), "G_{max}": 1.0, "w^*": 0.1, "β₊": 0.9}
    with uncompiled():  # a name that Python cannot read shows in the text of the kernel
        kernel, reference = (
            simulate(
                analog_sgd,
                response(**numbers),
                quadratic(minimiser=[0.3, 0.2]),
                hyper={"learning_rate": 0.1},
                noise=gaussian(0.3),
                steps=40,
                replicates=3,
                rng=1,
                engine=engine,
            ).states["W"]
            for engine in ("kernel", "reference")
        )
    np.testing.assert_array_equal(kernel, reference)
