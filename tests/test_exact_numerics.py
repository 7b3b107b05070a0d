"""The tools under the exact theory: jets against SymPy, bracketing against known zeros."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy

from aimctheory.exact.evaluation import hessian_of, mean_abs_jet, responses_jet
from aimctheory.exact.jets import Jet, as_jet, jet_ops, variable
from aimctheory.exact.rest_point import rest_point
from aimctheory.exact.roots import bracketed, only_zero
from aimctheory.laws import gaussian, two_point, uniform
from aimctheory.notation import g, real, w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.response import Response

X = real("x")
OPS = jet_ops()
FUNCTIONS = {
    "sum": (lambda x: 2 + x - 3 * x + (1 - x), 3 - 3 * X),
    "product": (lambda x: x * (x + 1) * 0.5 * -x, -(X**2) * (X + 1) / 2),
    "quotient": (lambda x: (1 + x) / (2 - x) + 1 / x + x / 3, (1 + X) / (2 - X) + 1 / X + X / 3),
    "sqrt": (lambda x: OPS.sqrt(1 + x * x), sympy.sqrt(1 + X**2)),
    "exp": (lambda x: OPS.exp(-x * x), sympy.exp(-(X**2))),
    "log": (lambda x: OPS.log(1 + x), sympy.log(1 + X)),
    "abs": (lambda x: abs(x - 1) * x, (1 - X) * X),
    "where": (lambda x: OPS.where(x > 0.5, x * x, 1.0) + OPS.where(x > 0.9, 0.0, x), X**2 + X),
    "array on the left": (lambda x: np.array([2.0]) * x - np.array([1.0]) / x, 2 * X - 1 / X),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_jet_carries_both_derivatives(name):
    function, formula = FUNCTIONS[name]
    jet = function(variable(0.7))
    expected = [float(sympy.diff(formula, X, n).subs(X, 0.7)) for n in range(3)]
    assert np.squeeze([jet.value, jet.first, jet.second]) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("exponent", [sympy.Rational(1, 2), 2, sympy.Rational(27, 10)])
def test_the_jet_of_a_response_is_that_of_its_formula(exponent):
    cell = Response(up=(1 - w) ** exponent, down=(1 + w) ** exponent * sympy.cosh(w))()
    for jet, formula in zip(
        responses_jet(cell, variable(0.3)), (cell.response.up, cell.response.down), strict=True
    ):
        expected = [float(sympy.diff(formula, w, n).subs(w, 0.3)) for n in range(3)]
        assert [jet.value, jet.first, jet.second] == pytest.approx(expected, rel=1e-14)


def test_a_missing_hessian_is_found_from_the_gradient():
    H = np.array([[2.0, -0.3], [-0.3, 0.5]])
    bare = replace(quadratic(H, 0.4), hessian=None)
    assert hessian_of(bare, np.array([0.3, -0.6])) == pytest.approx(H, abs=1e-9)


def test_an_exponent_may_be_an_array():
    gamma = sympy.Symbol("gamma", positive=True)
    cell = Response(up=(1 - w) ** gamma, down=(1 + w) ** gamma)(gamma=np.array([0.5, 3.0]))
    up, _ = responses_jet(cell, variable(np.array([0.3, 0.3])))
    assert up.second == pytest.approx([-0.25 * 0.7**-1.5, 6 * 0.7], rel=1e-14)


@pytest.mark.parametrize("law", [gaussian(0.4), uniform(0.4), two_point(0.4, 1.0)], ids=repr)
def test_the_moments_derivatives_follow_gradient_and_weight(law):
    along = mean_abs_jet(law, as_jet(2.0 * variable(0.2) * variable(0.2)), variable(0.2))
    names = {"sigma": 0.4, "tau": 1.0}
    symbols = {p.symbol: names[p.name] for p in law.form.parameters}
    formula = law.form.absolute_moment.subs({g: 2 * X**2, w: X}).subs(symbols)
    function = sympy.lambdify(X, formula, "mpmath")
    with mpmath.workdps(40):
        expected = [float(mpmath.re(mpmath.diff(function, 0.2, n))) for n in range(3)]
    assert [along.value, along.first, along.second] == pytest.approx(expected, abs=1e-13)


def test_a_noise_free_moment_is_the_absolute_gradient():
    along = mean_abs_jet(gaussian(np.array([0.0, 0.4])), -variable(np.full(2, 0.2)), Jet(0.0))
    assert (along.value[0], along.first[0], along.second[0]) == (0.2, 1.0, 0.0)


def test_bracketing_reaches_the_last_bits():
    target = np.linspace(-0.9, 0.9, 41)
    for shape in (np.tanh, np.cbrt, lambda x: np.expm1(20 * x), lambda x: x**3, np.sign):
        found = bracketed(lambda x, f=shape: f(x - target), np.full(41, -1.0), np.full(41, 1.3))
        assert np.max(np.abs(found - target)) < 1e-15 + 1e-15 * (shape is np.sign)


def test_a_falling_zero_is_not_stable():
    with pytest.raises(ValueError, match="T has no stable zero inside"):
        only_zero(lambda x: -x, (-1.0, 1.0), (), "T")


def test_zeros_far_away_on_an_unbounded_line_are_found():
    for target in (-3e5, -1e-7, 0.0, 0.37, 2e4):
        found = only_zero(lambda x, t=target: x - t, (-np.inf, np.inf), (), "T")
        assert found == pytest.approx(target, abs=1e-15)


def test_a_rest_point_that_repels_is_refused_and_a_start_beside_it_flows_to_an_end():
    with pytest.raises(ValueError, match=r"a rest lies at saturation in coordinates \[0\]"):
        rest_point(lambda x: -x, lambda x: -np.eye(2), np.array([1e-9, 0.0]), (-1, 1), "a rest")
    with pytest.raises(ValueError, match="unstable"):
        rest_point(lambda x: -x, lambda x: -np.eye(2), np.zeros(2), (-1, 1), "a rest point")
