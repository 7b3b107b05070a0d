"""Closed forms that SymPy is asked for come soon, or quadrature takes their place."""

import contextlib
import math
import signal

import mpmath
import pytest
import sympy
from sympy import Rational, exp, sinh, tanh

from aimctheory.certified.integrals import antiderivative
from aimctheory.notation import w
from aimctheory.response import Response


@contextlib.contextmanager
def limited(seconds=20):
    """Fail after `seconds`: far more than these formulas take, and less than SymPy's minutes."""

    def stop(*_):
        raise TimeoutError(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (1.02 - 0.43 * w - 0.31 * w**2 - 0.27 * w**3, 1 + w),  # F is an irreducible cubic
        ((1 - w) * (1 + w**2), (1 + w) * (1 - w / 3)),
    ],
    ids=str,
)
def test_a_ratio_without_a_quick_integral_is_integrated_numerically_at_once(up, down):
    with limited():
        cell = Response(up=up, down=down)()
        with pytest.raises(ValueError, match="no closed form"):
            cell.response.penalty()
        found = cell.penalty(0.5)
    ratio = sympy.lambdify(w, (down - up) / (down + up), "mpmath")
    assert abs(found - mpmath.quad(ratio, [cell.symmetric_point(), 0.5])) < 1e-12


@pytest.mark.parametrize(
    "ratio",
    [
        w / ((1 + w) * (w**2 - 7) * (w**2 + 3)),  # five logarithms
        (w**4 + 2) / (w * (w + 2)) ** 2,
        (3 * w**2 + 1) / (w**3 + w + 5) + w,  # a cubic below its own slope
        w / (w**4 + 1),
        Rational(1, 3) + exp(w) / (1 + exp(2 * w)),
    ],
    ids=str,
)
def test_a_fraction_is_integrated_piece_by_piece(ratio):
    with limited():
        found = antiderivative(ratio)
    here, there = Rational(1, 5), Rational(7, 5)
    change = found.subs(w, there) - found.subs(w, here)
    wanted = mpmath.quad(sympy.lambdify(w, ratio, "mpmath"), [0.2, 1.4])
    assert abs(complex(change) - wanted) < 1e-12


def test_a_listed_symmetric_point_is_proved_simple_without_sympy():
    with limited():
        cell = Response(up=1 / (1 + 0.135 * exp(5 * w)), down=1 / (1 + 0.122 * exp(-3 * w)))()
        (root,) = cell.symmetric_points()
    assert root.multiplicity == 1
    assert root.value == pytest.approx(math.log(0.122 / 0.135) / 8, abs=1e-15)
    assert root.high - root.low < 1e-30


def test_a_symmetric_point_that_comes_in_two_forms_is_one():
    # The middle of the range, (log(2 + √5) + log(√5 − 2))/2, is 0 in disguise.
    response = Response(up=2 - sinh(w), down=2 + sinh(w))
    with limited():
        assert response.symmetric_point() == 0
        assert response().symmetric_point() == 0.0
        assert sympy.simplify(response.penalty() - (sympy.cosh(w) - 1) / 2) == 0


def test_an_undecided_end_of_an_unbounded_range_is_told_with_the_way_out():
    cell = Response(up=1 - tanh(2 * w - 0.3), down=1 + tanh(2 * w + 0.3))()
    with pytest.raises(ValueError, match=r"2 undecided .* dynamic_range=\(low, high\) with finite"):
        cell.symmetric_point()
    bounded = Response(up=cell.response.up, down=cell.response.down, dynamic_range=(-2, 2))()
    assert bounded.symmetric_point() == 0.0
