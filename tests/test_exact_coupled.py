"""Coupled coordinates: linearised points, penalised minimisers and the flow that finds them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimctheory import exact
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.catalogue import linear, power, soft_bounds
from aimctheory.exact.rest_point import rest_point
from aimctheory.laws import gaussian, uniform
from aimctheory.objectives.quadratic import quadratic
from aimctheory.objectives.record import Constant, Objective

H = np.array([[1.5, 0.6, -0.2], [0.6, 0.9, 0.3], [-0.2, 0.3, 0.7]])
MINIMISER, SIGMA = np.array([0.4, -0.3, 0.5]), np.array([0.2, 0.5, 1.0])
BOWL = quadratic(H, MINIMISER)
SUM = SIGMA * np.sqrt(2 / np.pi)  # Σ = E|ξ| of Gaussian noise
WIDE = (-3.0, 3.0)


def test_the_linearised_point_of_coupled_coordinates_weighs_minimiser_and_symmetric_points():
    # linear response, RF25 (16): R(w) = (w/τ − c)/(1 − cw/τ), so R'(cτ) = 1/(τ(1 − c²)).
    tau, c = np.array([0.8, 1.0, 1.5]), np.array([0.3, -0.2, 0.1])
    found = exact.linearised(linear(tau=tau, c=c), BOWL, gaussian(SIGMA))
    pull = SUM / (tau * (1 - c**2))
    residual = H @ (found - MINIMISER) + pull * (found - c * tau)
    assert np.max(np.abs(residual)) < 1e-14
    assert np.max(np.abs(np.diag(H) * (found - MINIMISER) + pull * (found - c * tau))) > 0.05


def test_the_penalised_minimiser_of_coupled_coordinates_has_no_gradient():
    # soft bounds: F = 1 − ay and G = by with y = w − w₀, EX24 (22)
    w_0, up, down = 0.1, 1.2, -0.9
    a, b = (1 / up + 1 / down) / 2, (1 / up - 1 / down) / 2
    cell = soft_bounds(w_0=w_0, tau_max=up, tau_min=down)
    for given in (gaussian(SIGMA), SUM):
        y = exact.penalised_minimiser(cell, BOWL, given) - w_0
        residual = H @ (y + w_0 - MINIMISER) + SUM * b * y / (1 - a * y)
        assert np.max(np.abs(residual)) < 1e-14


def test_the_linearised_point_is_the_root_to_first_order_in_the_distance_of_the_minimiser():
    # RF25 Theorem 5: with an odd R the two differ by the third power of the distance.
    cell, gaps = power(tau=1, gamma=2), []
    for distance in (0.04, 0.02, 0.01):
        bowl = quadratic(H, distance * MINIMISER)
        root = exact.drift_root(analog_sgd, cell, bowl, gaussian(SIGMA))
        gaps.append(np.max(np.abs(root - exact.linearised(cell, bowl, gaussian(SIGMA)))))
    assert np.log2(np.array(gaps[:-1]) / gaps[1:]) == pytest.approx([3.0, 3.0], abs=0.02)


def test_a_minimiser_outside_the_range_has_the_root_that_it_has_alone():
    # W^S lies outside too, so the search begins at the symmetric points.
    h, minimiser, law = np.array([0.5, 1.0]), np.array([1.2, -1.3]), gaussian(0.3)
    cell = linear(tau=1, c=0.2)
    assert np.any(np.abs(exact.linearised(cell, quadratic(np.diag(h), minimiser), law)) > 1)
    coupled = exact.drift_root(analog_sgd, cell, quadratic(np.diag(h), minimiser), law)
    single = exact.drift_root(analog_sgd, cell, quadratic(h, minimiser), law)
    assert coupled == pytest.approx(single, abs=1e-14)


def test_a_linearised_point_at_the_very_ends_of_the_range_begins_no_search():
    # Σ = 1/2 and R' = 1: W^S = 1.5/(1 + 1/2) = 1 in size, where the range ends.
    h, minimiser, law = np.ones(2), np.array([-1.5, 1.5]), uniform(1 / np.sqrt(3))
    bowl = quadratic(np.diag(h), minimiser)
    assert np.array_equal(exact.linearised(linear(tau=1), bowl, law), [-1.0, 1.0])
    root = exact.drift_root(analog_sgd, linear(tau=1), bowl, law)
    g = root - minimiser  # E|g + ξ| = (g² + 1)/2 within the noise
    assert np.max(np.abs(g + (g**2 + 1) / 2 * root)) < 1e-14


def test_digital_sgd_on_coupled_coordinates_rests_at_the_minimiser_wherever_it_begins():
    far = quadratic(H, 40 * MINIMISER)
    lost = replace(far, minimiser=Constant(None, "unknown"))
    for bowl in (far, lost):
        root = exact.drift_root(digital_sgd, linear(tau=1), bowl, gaussian(SIGMA))
        assert root == pytest.approx(40 * MINIMISER, abs=1e-12)


def test_the_start_of_a_coupled_search_is_the_one_given():
    with pytest.raises(ValueError, match=r"start = \[2\. 2\. 2\.\] is not strictly inside"):
        exact.penalised_minimiser(linear(tau=1), BOWL, gaussian(SIGMA), start=2.0)
    with pytest.raises(ValueError, match=r"start = \[2\. 2\. 2\.\] is not strictly inside"):
        exact.drift_root(analog_sgd, linear(tau=1), BOWL, gaussian(SIGMA), start=2.0)


@pytest.mark.parametrize("found", [exact.penalised_minimiser, exact.linearised])
def test_replicates_of_coupled_coordinates_are_refused(found):
    with pytest.raises(ValueError, match=r"shape \(2, 3\) with 3 coupled coordinates"):
        found(linear(tau=1), BOWL, np.ones((2, 1)))


# ---- the floor of Digital SGD ----------------------------------------------------------------


def test_the_digital_floor_refuses_a_sweep_with_one_unstable_entry_and_rates_that_are_0():
    for alpha, curvature, product in (
        (0.5, [1.0, 5.0], "2.5"),
        (0.0, [1.0, 2.0], "0"),
        (0.5, [4.0, 1.0], "2"),
    ):
        with pytest.raises(ValueError, match=rf"curvature = {product} is outside \(0, 2\)"):
            exact.digital_floor(quadratic(np.array(curvature)), 0.5, alpha)
    with pytest.raises(ValueError, match=r"for a learning_rate in \(0, 0\.4\)"):
        exact.digital_floor(quadratic(np.array([1.0, 5.0])), 0.5, 1.0)


def test_the_digital_floor_of_a_diagonal_hessian_is_that_of_its_coordinates():
    h = np.array([0.5, 1.0, 3.0])
    single = exact.digital_floor(quadratic(h), SIGMA, 0.2)
    coupled = exact.digital_floor(quadratic(np.diag(h)), SIGMA, 0.2)
    # αs²/(2(2 − αh)) and αhs²/(2 − αh), by hand
    excess = sum(0.2 * s**2 / (2 * (2 - 0.2 * x)) for s, x in zip(SIGMA, h, strict=True))
    square = sum(0.2 * x * s**2 / (2 - 0.2 * x) for s, x in zip(SIGMA, h, strict=True))
    for floor in (single, coupled):
        assert floor.excess == pytest.approx(excess, rel=1e-13)
        assert floor.mean_square_gradient == pytest.approx(square, rel=1e-13)


def test_the_digital_floor_is_for_a_hessian_that_is_known_and_constant():
    still = replace(BOWL, hessian=None)
    moving = replace(BOWL, hessian=lambda x: H * (1 + x[0] ** 2))
    bent = Objective(
        id="bent", title="", shape=(1, 1), value=np.sum, gradient=lambda w, p, ops: w + w * w
    )
    for objective in (still, moving, bent):
        with pytest.raises(ValueError, match="is for a quadratic objective"):
            exact.digital_floor(objective, 0.5, 0.1)


# ---- the flow to a rest point ----------------------------------------------------------------


def wells(x):
    """dw/dt = −T with rest points −1, 0 (which repels) and 1 in each coordinate."""
    return x * (x - 1) * (x + 1)


def wells_jacobian(x):
    return np.diag(3 * x**2 - 1)


@pytest.mark.parametrize("start", [0.01, 0.3, 0.577, 0.58, 2.9])
def test_the_flow_ends_in_the_well_of_its_start(start):  # at 1/√3 a step of Newton's goes far
    found = rest_point(wells, wells_jacobian, [start, -start], WIDE, "a well")
    assert found == pytest.approx([1.0, -1.0], abs=1e-15)


def test_a_stiff_flow_is_at_rest_in_few_steps():
    curvature, calls = np.array([1e-4, 1.0, 1e6]), []

    def update(x):
        calls.append(x)
        return curvature * (x - 0.25)

    found = rest_point(update, lambda x: np.diag(curvature), np.zeros(3), WIDE, "the centre")
    assert found == pytest.approx(np.full(3, 0.25), abs=1e-15)
    assert len(calls) < 60


def test_a_rest_point_close_to_an_end_is_found_and_no_step_leaves_the_range():
    seen = []

    def update(x):
        seen.append(x)
        return (x - 0.9999) * np.exp(20 * x)

    def jacobian(x):
        return np.diag((1 + 20 * (x - 0.9999)) * np.exp(20 * x))

    found = rest_point(update, jacobian, [0.97], (-1.0, 1.0), "a rest point")
    assert found == pytest.approx([0.9999], abs=1e-14)
    assert np.all(np.abs(seen) < 1)


def test_a_flow_into_an_end_is_at_saturation():
    with pytest.raises(ValueError, match=r"a zero lies at saturation in coordinates \[1\]"):
        rest_point(
            lambda x: np.array([x[0], -1.0]), np.diag, np.array([0.1, 0.2]), (-1, 1), "a zero"
        )


@pytest.mark.parametrize(
    ("J", "stable"),
    [
        ([[1.0, 10.0], [0.0, 1.0]], True),  # its symmetric part is indefinite, its modes decay
        ([[0.1, 5.0], [-5.0, 0.1]], True),  # a spiral inwards
        ([[-0.1, 5.0], [-5.0, -0.1]], False),  # a spiral outwards
        ([[1.0, 0.0], [0.0, -1e-3]], False),
    ],
)
def test_a_rest_point_is_refused_unless_every_mode_decays(J, stable):
    J = np.array(J)
    if stable:
        found = rest_point(lambda x: J @ x, lambda x: J, np.array([0.3, -0.2]), WIDE, "the centre")
        assert np.max(np.abs(found)) < 1e-14
    else:
        with pytest.raises(ValueError, match=r"unstable \(eigenvalue -|was not found|saturation"):
            rest_point(lambda x: J @ x, lambda x: J, np.zeros(2), WIDE, "the centre")


def test_a_start_at_an_end_is_refused():
    with pytest.raises(ValueError, match="is not strictly inside the dynamic range"):
        rest_point(wells, wells_jacobian, [3.0, 0.1], WIDE, "a well")
