"""The tools under the exact theory: jets against SymPy, bracketing against known zeros, quadrature
and transfer operators against moments in closed form."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy

from aimctheory.exact.evaluation import (
    gradient_of,
    hessian_of,
    mean_abs_jet,
    mean_parts,
    number,
    responses_jet,
)
from aimctheory.exact.jets import CALLS, Jet, as_jet, jet_ops, variable
from aimctheory.exact.quadrature import noise_points, one_step_expectation
from aimctheory.exact.rest_point import rest_point
from aimctheory.exact.roots import bracketed, only_zero
from aimctheory.exact.transfer_operator import angles, lengths, masses, operator, polynomials
from aimctheory.laws import gaussian, rademacher, two_point, two_point_frozen, uniform
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
    x = variable(0.2)
    along = mean_abs_jet(law, 2.0 * x * x, x * x - x)
    names = {"sigma": 0.4, "tau": 1.0}
    symbols = {p.symbol: names[p.name] for p in law.form.parameters}
    formula = law.form.absolute_moment.subs({g: 2 * X**2, w: X**2 - X}).subs(symbols)
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


# ---- jets ------------------------------------------------------------------------------------


def test_comparisons_of_jets_are_those_of_their_values():
    x, same = variable(0.5), Jet(0.5, -3.0, 7.0)
    assert (x < same, x <= same, x > same, x >= same) == (False, True, False, True)
    assert (x < 0.75, x <= 0.25, x > 0.25, x >= 0.75) == (True, False, True, False)


def test_a_jet_at_the_kink_of_its_size_has_no_derivatives_and_a_constant_has_none():
    size = abs(variable(0.0))
    assert (size.value, size.first, size.second) == (0.0, 0.0, 0.0)
    still = as_jet(2.5)
    assert (still.value, still.first, still.second) == (2.5, 0.0, 0.0)


def test_powers_of_jets_have_their_derivatives():
    power, x = CALLS["power"], 0.7
    itself = power(variable(x), variable(x))  # (xˣ)' = xˣ(log x + 1)
    slope = np.log(x) + 1
    expected = x**x * np.array([1.0, slope, slope**2 + 1 / x])
    assert [itself.value, itself.first, itself.second] == pytest.approx(expected, rel=1e-14)
    inverse = power(2.0 * variable(x), -1.5)
    expected = [(2 * x) ** -1.5, -3 * (2 * x) ** -2.5, 15 * (2 * x) ** -3.5]
    assert [inverse.value, inverse.first, inverse.second] == pytest.approx(expected, rel=1e-14)
    assert power(2.0, 3.0) == 8.0


# ---- the gradient and its mean size ----------------------------------------------------------


def test_coupled_gradients_come_in_the_shape_of_the_weights():
    H, minimiser = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([0.25, -0.5])
    bowl, x = quadratic(H, minimiser), np.arange(12.0).reshape(3, 2, 2)
    assert gradient_of(bowl, x) == pytest.approx((x - minimiser) @ H, abs=1e-14)
    assert gradient_of(bowl, 0.5) == pytest.approx(H @ (0.5 - minimiser), abs=1e-15)
    assert np.array_equal(hessian_of(bowl, minimiser), H)


def test_one_number_is_a_float_and_more_are_an_array():
    assert type(number(np.array(2.5))) is float
    assert number([2.5]).shape == (1,)


def test_the_mean_parts_of_a_gradient_add_up_and_a_part_that_is_rounding_is_none():
    g = np.array([0.3, -0.3, 0.0])
    up, down = mean_parts(g, 0.5)
    assert up - down == pytest.approx(g, abs=1e-16)
    assert up + down == pytest.approx(np.full(3, 0.5), abs=1e-16)
    size = 0.3 * (1.0 + np.finfo(float).eps)  # E|g + ξ| of a noise that never changes the sign
    up, down = mean_parts(g[:2], size)
    assert (up[1], down[0]) == (0.0, 0.0)
    assert (up[0], down[1]) == pytest.approx((0.3, 0.3))
    tiny = 0.3 + 1e-12  # a part that is small but no rounding stays
    assert mean_parts(g[:2], tiny)[1][0] == pytest.approx(0.5e-12, rel=1e-3)


def test_without_noise_the_mean_size_has_the_slope_of_the_gradient_along_any_curve():
    law, along = gaussian(np.array([0.0, 0.0])), variable(np.array([0.4, -0.4]))
    m = mean_abs_jet(law, along * along * along, along)
    assert m.value == pytest.approx(np.full(2, 0.064))
    assert m.first == pytest.approx([0.48, -0.48])
    assert m.second == pytest.approx([2.4, 2.4])


# ---- quadrature over the noise ---------------------------------------------------------------


@pytest.mark.parametrize("law", [gaussian(0.4), uniform(0.4), two_point_frozen(0.4, 0.3)], ids=repr)
def test_the_points_of_the_noise_have_its_moments(law):
    g = np.array([[0.0, 0.3], [-5.0, 5.0]])  # the kink inside, and beyond either edge
    noise, share = noise_points(law, g, 0.0, 48)
    assert noise.shape == share.shape
    assert noise.shape[1:] == (2, 2)
    for power, moment in ((0, 1.0), (1, 0.0), (2, 0.16)):
        found = np.sum(share * noise**power, axis=0)
        assert found == pytest.approx(np.full((2, 2), moment), abs=1e-14)


def test_an_expectation_is_split_at_the_sign_of_the_noisy_gradient():
    # P(g + ξ > 0) of a uniform noise of half-width b is (1 + g/b)/2.
    b, g = 0.4 * np.sqrt(3.0), np.array([-0.5, 0.1, 0.6])
    found = one_step_expectation(lambda x: x > 0, uniform(0.4), g, nodes=4)
    assert found.value == pytest.approx((1 + g / b) / 2, abs=1e-15)
    assert np.all(found.error < 1e-14)


def test_the_error_of_an_expectation_is_no_less_than_rounding_and_no_more():
    found = one_step_expectation(lambda x: x - 0.25, rademacher(0.5), 0.25)
    assert found.value == 0.0
    assert 1e-16 < found.error < 1e-14


# ---- the transfer operator -------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, 6, 9])
def test_the_lengths_integrate_and_the_masses_average_polynomials(size):
    x = np.cos(angles(size))
    assert np.all(np.diff(x) > 0)
    for n in range(size):
        assert lengths(size, 2.0) @ x**n == pytest.approx((1 + (-1) ** n) / (n + 1), abs=1e-14)
    assert lengths(size, 3.5).sum() == pytest.approx(3.5)
    moments = np.linspace(1.0, 0.2, size)
    mass = masses(np.stack([moments, moments[::-1]]))
    assert polynomials(angles(size), size) @ mass.T == pytest.approx(
        np.stack([moments, moments[::-1]], -1), abs=1e-14
    )


def test_the_operator_of_a_linear_chain_has_its_stationary_moments_and_its_memory():
    # x' = ρx ± s with even chance: E x² = s²/(1 − ρ²), E x⁴ = (6ρ²s²E x² + s⁴)/(1 − ρ⁴).
    rho, s, size = np.array([0.5, -0.25]), np.array([0.25, 0.5]), 8
    x = np.cos(angles(size))
    place = np.stack([rho * x[:, None] + s, rho * x[:, None] - s])
    L = operator(place, np.full_like(place, 0.5))
    pi = L.stationary()
    square = s**2 / (1 - rho**2)
    fourth = (6 * rho**2 * s**2 * square + s**4) / (1 - rho**4)
    for n, expected in ((0, 1.0), (1, 0.0), (2, square), (3, 0.0), (4, fourth)):
        assert pi @ x**n == pytest.approx(np.broadcast_to(expected, 2), abs=1e-14)
    start = masses(np.broadcast_to(polynomials(np.arccos(0.5), size), (2, size)))  # all at 1/2
    assert L.step(start) @ x == pytest.approx(rho / 2, abs=1e-14)
    assert L.step(start) @ x**2 == pytest.approx(rho**2 / 4 + s**2, abs=1e-14)
    kept = np.array([0.5, 0.75])
    total = L.resolvent(kept[:, None], start)
    assert total.sum(axis=-1) == pytest.approx(1 / (1 - kept), abs=1e-13)
    assert total @ x == pytest.approx(0.5 / (1 - kept * rho), abs=1e-13)
