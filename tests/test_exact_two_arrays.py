"""The two-array mean field and its limits against the measurements of theory.md §6.3 and §6.4 [M].

Those are simulations of ALD cells with h = 1, w* = 0.5, σ = 0.5, γ = 0.4 and β = αγ^{1.5}/4.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aimctheory import exact
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.exact.two_arrays import two_arrays
from aimctheory.laws import gaussian, rademacher, two_point, two_point_frozen
from aimctheory.notation import w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.objectives.record import Constant, Objective
from aimctheory.response import Response

BOWL, NOISE, MIXING = quadratic(minimiser=0.5), gaussian(0.5), 0.4


def rates(alpha, mixing=MIXING):
    transfer = np.multiply(alpha, MIXING**1.5 / 4)
    return {"learning_rate": alpha, "transfer_rate": transfer, "mixing": mixing}


def mean_field(device, hyper):
    return exact.residual_mean_field(residual_learning, device, BOWL, NOISE, hyper)


def test_the_bias_of_residual_learning_is_the_one_measured():
    state = mean_field(linear(tau=1), rates([0.2, 0.1, 0.05, 0.025, 0.0125]))
    measured = np.array([-0.0284, -0.0203, -0.0146, -0.0105, -0.0075])
    assert state.readout - 0.5 == pytest.approx(measured, rel=0.02)
    assert state.mean_square_gradient == pytest.approx(
        [8.3e-3, 3.9e-3, 1.9e-3, 9.5e-4, 4.8e-4], rel=0.04
    )


def test_the_square_root_law_is_the_limit_of_the_mean_field():
    hyper = rates([1e-3, 1e-5, 1e-7])
    whole = mean_field(linear(tau=1), hyper)
    leading = exact.zero_shifted_law(linear(tau=1), BOWL, NOISE, hyper)
    for name in ("gradient", "P", "fast_variance", "mean_square_gradient"):
        ratio = getattr(whole, name) / getattr(leading, name)
        assert np.all(np.diff(np.abs(ratio - 1)) < 0)
        assert ratio[-1] == pytest.approx(1.0, abs=1e-3)
    assert leading.gradient[0] / leading.gradient[1] == pytest.approx(10.0, rel=1e-12)
    assert leading.mean_square_gradient[0] / leading.mean_square_gradient[1] == pytest.approx(100.0)


def test_a_shifted_fast_array_is_as_bad_as_measured():
    cell = linear(tau=1, c=np.array([0.1, 0.2, 0.3, 0.5, -0.3]))
    residual, tiki_taka = (mean_field(cell, rates(0.0125, mixing)) for mixing in (MIXING, 0.0))
    assert residual.gradient == pytest.approx([0.0328, 0.0743, 0.1174, 0.2134, -0.1334], rel=0.015)
    assert tiki_taka.gradient == pytest.approx([0.0301, 0.0718, 0.1151, 0.2115, -0.1370], rel=0.01)
    limit = exact.shifted_limit(cell, NOISE)
    assert limit == pytest.approx([0.0400, 0.0808, 0.1233, 0.2182, -0.1233], abs=5.1e-5)
    root = exact.drift_root(analog_sgd, cell, BOWL, NOISE)
    assert root - 0.5 == pytest.approx([-0.1196, -0.0919, -0.0633, 0.0, -0.2319], abs=5.1e-5)


def test_only_the_fast_arrays_shift_matters():
    alpha = [0.05, 0.0125, 0.0031]
    slow = mean_field({"P": linear(tau=1), "W": linear(tau=1, c=0.3)}, rates(alpha))
    fast = mean_field({"P": linear(tau=1, c=0.3), "W": linear(tau=1)}, rates(alpha))
    assert slow.gradient == pytest.approx([-0.0068, -0.0033, -0.0017], rel=0.08)
    assert fast.gradient == pytest.approx([0.105, 0.114, 0.118], rel=0.01)


def test_the_shifted_limit_does_not_know_the_minimiser_or_the_mixing():
    cell, law = linear(tau=1, c=0.3), NOISE
    limit = exact.shifted_limit(cell, law)
    for minimiser, mixing in ((0.2, 0.4), (-0.4, 1.0)):
        hyper = {"learning_rate": 1e-9, "transfer_rate": 1e-11, "mixing": mixing}
        bowl = quadratic(minimiser=minimiser)
        state = exact.residual_mean_field(residual_learning, cell, bowl, law, hyper)
        assert state.gradient == pytest.approx(limit, abs=1e-4)


def test_the_shifted_limit_of_a_rademacher_law_is_rational():  # E|g ± σ| = σ for |g| < σ
    assert exact.shifted_limit(linear(tau=1, c=0.3), rademacher(0.5)) == pytest.approx(0.15)
    assert exact.shifted_limit(power(tau=1, gamma=2), gaussian(0.5)) == 0.0


def test_read_noise_is_as_harmful_as_measured():
    hyper = {"learning_rate": 0.0125, "transfer_rate": 5e-4, "mixing": 0.4, "filter_rate": 1.0}
    noise = {"gradient": NOISE, "read": gaussian(np.array([0.0, 0.1, 0.3, 1.0]))}
    state = exact.residual_mean_field(residual_learning_v2, linear(tau=1), BOWL, noise, hyper)
    assert np.max(np.abs(state.W - [0.4851, 0.4649, 0.4147, 0.3004])) < 3e-4
    assert state.readout - 0.5 == pytest.approx([-0.0074, -0.0176, -0.0427, -0.1007], rel=0.01)


@pytest.mark.parametrize(
    ("read", "measured"),
    [
        (1.0, [-0.1007, -0.0556, -0.0344, -0.0206, -0.0129]),
        (0.3, [-0.0427, -0.0211, -0.0133, -0.0090, -0.0066]),
    ],
)
def test_the_filter_helps_as_measured(read, measured):
    hyper = {"learning_rate": 0.0125, "transfer_rate": 5e-4, "mixing": 0.4}
    hyper["filter_rate"] = np.array([1.0, 0.3, 0.1, 0.03, 0.01])
    noise = {"gradient": NOISE, "read": gaussian(read)}
    state = exact.residual_mean_field(residual_learning_v2, linear(tau=1), BOWL, noise, hyper)
    assert state.readout - 0.5 == pytest.approx(measured, rel=0.035)


def test_v2_without_a_filter_and_read_noise_is_residual_learning():
    plain = mean_field(exponential(tau=1, gamma=1), rates(0.05))
    hyper = {**rates(0.05), "filter_rate": 1.0}
    v2 = exact.residual_mean_field(
        residual_learning_v2, exponential(tau=1, gamma=1), BOWL, NOISE, hyper
    )
    assert v2 == plain


def test_at_a_vanishing_rate_both_drifts_vanish_at_the_mean_weights():
    cell, alpha = power(tau=1, gamma=2), 1e-7  # P's fluctuation counts to first order in α
    s = mean_field({"P": linear(tau=1, c=0.2), "W": cell}, rates(alpha))
    g, R_P = s.gradient, float(linear(tau=1, c=0.2).ratio(s.P))
    assert g + NOISE.mean_abs(g) * R_P == pytest.approx(0.0, abs=alpha)
    folded = gaussian(np.sqrt(s.signal_variance)).mean_abs(s.P)
    assert folded * cell.ratio(s.W) == pytest.approx(s.P, abs=alpha)
    assert s.readout == pytest.approx(s.W + MIXING * s.P, abs=1e-15)


def test_the_square_root_law_holds_on_cells_and_bowls_that_are_not_of_size_one():
    cell = Response(up=1.5 * (1 - w) * (1 + 0.4 * w), down=1.5 * (1 + w))()  # F(0) = 1.5
    bowl, hyper = quadratic(curvature=1.7, minimiser=0.4), rates(1e-6)
    whole = exact.residual_mean_field(residual_learning, cell, bowl, NOISE, hyper)
    leading = exact.zero_shifted_law(cell, bowl, NOISE, hyper)
    for name in ("gradient", "P", "fast_variance", "signal_variance", "mean_square_gradient"):
        assert getattr(whole, name) == pytest.approx(getattr(leading, name), rel=1e-3)
    assert abs((whole.W - 0.4) / (leading.W - 0.4) - 1) < 1e-3


@pytest.mark.parametrize(
    ("slow", "alpha", "near"),
    [
        (soft_bounds(tau_max=0.7, tau_min=-1.6), 1e-6, 0.001),  # R_W(w*) ≠ 0: the order √α
        (ideal(), 1e-4, 0.01),  # all terms of ∇f and that of ∇f'' are of the order α
    ],
)
def test_the_law_of_small_rates_has_all_terms_where_nothing_is_symmetric(slow, alpha, near):
    # R_P'(0), R_P''(0), F_P'(0), E sign ξ and ∇f'' are all different from 0, and F_P(0) from 1.
    fast = Response(up=1.5 * (1 - w) * (1 + 0.4 * w), down=1.5 * (1 + w) * (1 + 0.2 * w))()
    bent = Objective(
        id="bent",
        title="",
        shape=(1, 1),
        value=np.sum,
        gradient=lambda w, p, ops: 1.7 * (w - 0.4) + 0.9 * (w - 0.4) * (w - 0.4),
        minimiser=Constant(0.4),
    )
    hyper = {**rates(alpha), "transfer_rate": 1e-3 * alpha}  # the mean field leaves β/α out of W
    problem = {"P": fast, "W": slow}, bent, two_point_frozen(0.3, 0.3), hyper
    whole = exact.residual_mean_field(residual_learning, *problem)
    leading = exact.zero_shifted_law(*problem)
    for name in ("gradient", "fast_variance", "mean_square_gradient"):
        assert getattr(whole, name) == pytest.approx(getattr(leading, name), rel=near)
    for name in ("W", "readout"):
        assert getattr(whole, name) - 0.4 == pytest.approx(getattr(leading, name) - 0.4, rel=near)


def test_ideal_arrays_have_no_bias():
    state = mean_field({"P": linear(tau=1), "W": ideal()}, rates(0.05))
    assert abs(state.P) + abs(state.W - 0.5) < 1e-12


def test_the_crossover_is_where_both_gradients_have_one_size():
    c = exact.crossover(lambda c: linear(tau=1, c=c), BOWL, NOISE, 0.0, 0.5)
    cell = linear(tau=1, c=c)
    root = exact.drift_root(analog_sgd, cell, BOWL, NOISE)
    assert 0.2 < c < 0.3  # [M] §6.3: between the two
    assert abs(root - 0.5) == pytest.approx(abs(exact.shifted_limit(cell, NOISE)), abs=1e-12)


def test_the_crossover_may_lie_at_an_end_and_names_the_better_algorithm_elsewhere():
    centred, shifted = (
        quadratic(minimiser=0.0),
        lambda c: {"P": linear(tau=1, c=c), "W": linear(tau=1)},
    )
    assert exact.crossover(shifted, centred, NOISE, 0.0, 0.5) == 0.0
    with pytest.raises(
        ValueError, match=r"Analog SGD is the better one at both c = 0\.1 and c = 0\.5"
    ):
        exact.crossover(shifted, centred, NOISE, 0.1, 0.5)


def test_a_shift_of_the_range_to_0_leaves_no_shifted_limit():
    for shift in (1.0, -1.0):
        with pytest.raises(ValueError, match="starts at 0, outside its range"):
            exact.shifted_limit(soft_bounds(w_0=shift, tau_max=1, tau_min=-1), NOISE)


def test_a_sweep_of_shifted_limits_is_its_single_limits():
    c, sigma = np.array([[0.3], [-0.7]]), np.array([0.5, 0.2, 0.0])
    swept = exact.shifted_limit(linear(tau=1, c=c), gaussian(sigma))
    assert swept.shape == (2, 3)
    one = exact.shifted_limit(linear(tau=1, c=0.3), gaussian(0.2))
    assert swept[:, 1] == pytest.approx(
        [one, exact.shifted_limit(linear(tau=1, c=-0.7), gaussian(0.2))]
    )
    assert swept[:, 2] == pytest.approx([0.0, 0.0], abs=1e-200)
    assert one == pytest.approx(0.3 * gaussian(0.2).mean_abs(one), abs=1e-16)


# ---- the linear noise of both arrays ---------------------------------------------------------


def test_the_start_of_the_search_has_the_variances_of_a_linear_recursion():
    alpha, h, read, b = 0.3, 1.7, 0.2, np.array([1.0, 0.3, 0.05])
    noise = {"gradient": NOISE, "read": gaussian(read)}
    hyper = {**rates(alpha), "filter_rate": b}
    arrays = two_arrays(residual_learning_v2, ideal(), quadratic(h, 0.5), noise, hyper)
    W, P = np.full(3, 0.4), np.zeros(3)
    rho = 1 - alpha * h * MIXING
    rest = arrays.rest(W)
    v = alpha**2 * (0.25) / (1 - rho**2)  # at rest the gradient is 0
    assert rest == pytest.approx(np.full(3, 0.1 / MIXING), abs=1e-13)
    assert arrays.fast_variance(W, rest) == pytest.approx(np.full(3, v), rel=1e-13)
    lags = rho ** np.arange(1, 4000)
    for i in range(3):  # H = bΣ(1 − b)ⁿ(P + ε)ₙ, and P's covariances are ρⁿv
        kept = (1 - b[i]) ** np.arange(4000)
        paired = v * (
            kept @ kept + 2 * sum(kept[n:] @ kept[:-n] * lags[n - 1] for n in range(1, 60))
        )
        stated = arrays.signal_variance(W, rest)[i]
        assert stated == pytest.approx(b[i] ** 2 * (paired + read**2 * kept @ kept), rel=1e-6)
    assert arrays.diffusion(W, P) == pytest.approx(np.full(3, (h * 0.1) ** 2 + 0.25), rel=1e-13)


def test_the_derivatives_of_the_fast_drift_are_its_differences():
    cells = {"P": soft_bounds(tau_max=0.7, tau_min=-1.6), "W": linear(tau=1)}
    arrays = two_arrays(residual_learning, cells, quadratic(1.7, 0.5), NOISE, rates(0.1))
    W, P, d = np.array(0.45), np.array(0.2), 1e-5

    def drift(W, P):
        return arrays.fast_update.drift(P, 1.7 * (W + MIXING * P - 0.5))

    found = arrays.derivatives(W, P)
    assert found.by_fast == pytest.approx((drift(W, P + d) - drift(W, P - d)) / (2 * d), abs=1e-9)
    assert found.by_slow == pytest.approx((drift(W + d, P) - drift(W - d, P)) / (2 * d), abs=1e-9)


def test_a_fast_array_out_of_reach_rests_at_the_end_of_its_range():
    cells = {"P": linear(tau=0.5), "W": linear(tau=4)}
    arrays = two_arrays(residual_learning, cells, BOWL, gaussian(0.0), rates(0.1))
    # γP = w* − W without noise: P = (0.5 − W)/0.4, within ±0.5
    found = arrays.rest(np.array([-3.0, 0.2, 0.5, 0.6, 2.0]))
    assert found == pytest.approx([0.5, 0.5, 0.0, -0.25, -0.5], abs=1e-13)


# ---- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"algorithm": analog_sgd}, "for residual-learning, residual-learning-v2"),
        ({"objective": quadratic(np.eye(2), 0.5)}, "uncoupled coordinates"),
        ({"noise": {"gradient": NOISE, "read": NOISE}}, "no noise stream 'read'"),
        ({"noise": two_point(0.1, 1.0)}, "depends on the weight"),
        ({"device": {"P": linear(tau=1)}}, "the array 'W' has no device"),
        ({"hyper": {"learning_rate": 0.1}}, "needs hyper"),
        (
            {"device": {"P": linear(tau=1), "W": linear(tau=0.3)}, "noise": gaussian(0.0)},
            "no stable",
        ),
    ],
)
def test_a_problem_outside_the_mean_field_is_refused(change, message):
    problem = {
        "algorithm": residual_learning,
        "device": linear(tau=1),
        "objective": BOWL,
        "noise": NOISE,
        "hyper": rates(0.05),
    }
    with pytest.raises(ValueError, match=message):
        exact.residual_mean_field(**{**problem, **change})


def test_a_threshold_overshoot_and_a_saturated_fast_array_are_refused():
    hyper = {**rates(0.05), "threshold": 0.1}
    with pytest.raises(ValueError, match="threshold > 0"):
        exact.residual_mean_field(residual_learning_v2, linear(tau=1), BOWL, NOISE, hyper)
    with pytest.raises(ValueError, match="a step of P reverses a deviation"):
        exact.residual_mean_field(residual_learning, linear(tau=1), BOWL, NOISE, rates(5.0))
    small, noise = linear(tau=0.02), {"gradient": gaussian(1e-3), "read": gaussian(0.1)}
    cells, hyper = {"P": small, "W": linear(tau=1)}, {**rates(0.05), "filter_rate": 1.0}
    with pytest.raises(ValueError, match=r"P saturates at 0\.02"):
        exact.residual_mean_field(residual_learning_v2, cells, BOWL, noise, hyper)


def test_the_square_root_law_and_the_limit_refuse_what_they_are_not_for():
    with pytest.raises(ValueError, match="fast array with symmetric point 0"):
        exact.zero_shifted_law(linear(tau=1, c=0.3), BOWL, NOISE, rates(0.05))
    with pytest.raises(ValueError, match="starts at 0, outside its range"):
        exact.shifted_limit(soft_bounds(w_0=2, tau_max=1, tau_min=-1), NOISE)
    with pytest.raises(ValueError, match="depends on the weight"):
        exact.shifted_limit(linear(tau=1, c=0.3), two_point(0.1, 1.0))
    with pytest.raises(ValueError, match="Residual Learning is the better one at both"):
        exact.crossover(lambda c: linear(tau=1, c=c), BOWL, NOISE, 0.0, 0.1)


def test_one_entry_of_a_sweep_that_is_out_of_reach_refuses_it():
    flat = Response(
        up=1 - w**3, down=1 + w**3
    )()  # R_P'(0) = 0: without mixing nothing holds P at 0
    with pytest.raises(ValueError, match=r"ΣR_P'\(0\) = 0 has to be above 0; give a larger mixing"):
        exact.zero_shifted_law(flat, BOWL, NOISE, rates(0.05, np.array([0.4, 0.0])))
    with pytest.raises(ValueError, match="fast array with symmetric point 0"):
        exact.zero_shifted_law(linear(tau=1, c=np.array([0.0, 0.3])), BOWL, NOISE, rates(0.05))
    with pytest.raises(ValueError, match=r"learning_rate = 5: a step of P reverses"):
        mean_field(linear(tau=1), rates(np.array([0.05, 5.0])))
    hyper = rates(np.array([0.02, 0.6]))
    with pytest.raises(ValueError, match=r"learning_rate = 0\.6: a step of P leaves its range"):
        mean_field(soft_bounds(tau_max=0.7, tau_min=-1.6), hyper)


def test_a_minimiser_that_is_not_known_a_late_threshold_and_a_misspelt_stream_are_refused():
    lost = replace(BOWL, minimiser=Constant(None, "unknown"))
    with pytest.raises(ValueError, match="for a known minimiser"):
        exact.zero_shifted_law(linear(tau=1), lost, NOISE, rates(0.05))
    problem = residual_learning_v2, linear(tau=1), BOWL
    with pytest.raises(ValueError, match="threshold > 0"):
        exact.residual_mean_field(*problem, NOISE, {**rates(0.05), "threshold": [0.0, 0.1]})
    with pytest.raises(ValueError, match="has no noise stream 'reed'; it has: gradient, read"):
        exact.residual_mean_field(*problem, {"gradient": NOISE, "reed": NOISE}, rates(0.05))
