"""What a law draws has the moments that the theory is told, by integrals over its raw number.

Both engines draw by the same functions, and a run of a million draws does not see a bias of 1e-3.
An integral over every raw number does: the tolerance is 2e-5 of a standard deviation.  Formulas of
the theory for a law that depends on the weight are held against these integrals at several weights.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy import special

from aimctheory import notation
from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import linear, power, soft_bounds
from aimctheory.derive import mean_drift
from aimctheory.derive.closures import exact
from aimctheory.derive.moments import second_moment
from aimctheory.exact.drift import drift_root, linearised, penalised_minimiser
from aimctheory.exact.quadrature import one_step_expectation
from aimctheory.exact.update import effective_update
from aimctheory.laws import Law, gaussian, rademacher, two_point, two_point_frozen, uniform
from aimctheory.notation import w
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.noise import normal_pair, unit_uniform
from aimctheory.tree.recorder import Names, numpy_ops

SIGMA = 0.6
CLOSE = 2e-5
LAWS = {
    "gaussian": gaussian(SIGMA),
    "uniform": uniform(SIGMA),
    "rademacher": rademacher(SIGMA),
    "frozen, rare ups": two_point_frozen(SIGMA, p=0.2),
    "frozen, rare downs": two_point_frozen(SIGMA, p=0.7),
    "state-dependent": two_point(SIGMA, tau=1.25),
}
WEIGHTS = (-0.8, 0.0, 0.3, 0.9)
GRADIENTS = (-2.0, -0.6, -0.45, -0.1, 0.0, 0.2, 0.3, 0.5, 0.6, 0.8, 1.3)
CASES = [
    pytest.param(law, weight, id=f"{name}, w = {weight}")
    for name, law in LAWS.items()
    for weight in (WEIGHTS if law.form.state_dependent else (0.3,))
]

# Raw numbers with their probabilities.  Uniforms: the midpoints of strata, exact where a draw jumps
# at a hundredth, as the laws here do at the weights here, and to half a stratum elsewhere.
# Normals: a trapezoid rule, exact to rounding where a function is smooth, and to 1e-6 at a kink.
_STRATA = 20_000
_GRID = np.linspace(-9.0, 9.0, 6_001)
_DENSITY = np.exp(-(_GRID**2) / 2) / np.sqrt(2 * np.pi) * (_GRID[1] - _GRID[0])
RAW = {
    "uniform": ((np.arange(_STRATA) + 0.5) / _STRATA, np.full(_STRATA, 1 / _STRATA)),
    "normal": (_GRID, _DENSITY),
}


def drawn(law, weight):
    """The draws of a law at a weight, and their probabilities."""
    raw, share = RAW[law.form.raw]
    numbers = Names("number", law.numbers)
    return law.form.draw(raw, np.float64(weight), numbers, numpy_ops()), share


@pytest.mark.parametrize(("law", "weight"), CASES)
def test_a_draw_has_mean_zero_and_the_stated_deviation(law, weight):
    xi, share = drawn(law, weight)
    assert share.sum() == pytest.approx(1.0, abs=1e-12)
    assert share @ xi == pytest.approx(0.0, abs=CLOSE * SIGMA)
    assert share @ xi**2 == pytest.approx(law.sigma**2, rel=CLOSE)


@pytest.mark.parametrize(("law", "weight"), CASES)
def test_the_stated_moments_are_those_of_the_draws(law, weight):
    xi, share = drawn(law, weight)
    at = np.array(GRADIENTS)
    x = at[:, None] + xi
    size, signed = np.abs(x) @ share, (x * np.abs(x)) @ share
    np.testing.assert_allclose(law.mean_abs(at, weight), size, rtol=CLOSE)
    np.testing.assert_allclose(law.signed_square(at, weight), signed, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize(("law", "weight"), CASES)
def test_the_stated_distribution_is_that_of_the_draws(law, weight):
    xi, share = drawn(law, weight)
    if law.form.atoms:
        for value, probability in law.atoms(weight):
            near = np.abs(xi - value) < 1e-12
            assert share @ near == pytest.approx(probability, abs=CLOSE)
        assert sum(probability for _, probability in law.atoms(weight)) == 1.0
        return
    places = np.array([-2.5, -1.01, -0.5, 0.0, 0.1, 1.2, 3.0]) * SIGMA
    # Each draw stands for its neighbourhood, of which a place cuts off a part.
    below = [share @ np.clip((place - xi) / (xi[1] - xi[0]) + 0.5, 0, 1) for place in places]
    np.testing.assert_allclose(law.cumulative(places), below, atol=1e-6)
    step = 1e-4
    slope = (law.cumulative(places + step) - law.cumulative(places - step)) / (2 * step)
    np.testing.assert_allclose(law.density(places), slope, atol=1e-6)
    low, high = law.edges()[0], law.edges()[-1]
    assert low <= xi.min()
    assert xi.max() <= high
    if law.form.raw == "normal":  # `cumulative` rounds such a tail to 0
        assert 1e-24 < special.ndtr(low / SIGMA) == special.ndtr(-high / SIGMA) < 1e-22
    assert law.cumulative(low) == 0
    assert law.cumulative(high) == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize(("law", "weight"), CASES)
def test_the_quadrature_of_the_theory_integrates_the_draws(law, weight):
    xi, share = drawn(law, weight)
    for function in (np.square, lambda x: x**3, lambda x: np.abs(x) * x**2):
        for g in (-0.6, 0.0, 0.35):
            stated = one_step_expectation(function, law, g, weight)
            assert stated.value == pytest.approx(share @ function(g + xi), abs=2 * CLOSE)


# -- the raw numbers themselves -------------------------------------------------------------------


def test_uniform_raw_numbers_are_the_midpoints_of_their_words():
    words = np.arange(0, 2**32, 2**15, dtype=np.uint32)
    below, above = unit_uniform(words), unit_uniform(words + np.uint32(2**15 - 1))
    np.testing.assert_allclose(above - below, 2.0**-17 - 2.0**-32, rtol=1e-11)
    middles = (below + above) / 2  # of 2^15 words each, evenly spaced
    np.testing.assert_allclose(middles, (np.arange(2**17) + 0.5) / 2**17, rtol=1e-12)


def test_the_radius_of_a_pair_has_the_moments_of_rayleighs_law():
    # The middle of each of 2^18 strata of the first word, at one angle.
    radii = (np.arange(2**18, dtype=np.uint32) << np.uint32(14)) + np.uint32(2**13)
    r = np.hypot(*map(np.float64, normal_pair(radii, np.full_like(radii, 12345))))
    stated = {1: np.sqrt(np.pi / 2), 2: 2.0, 3: 3 * np.sqrt(np.pi / 2), 4: 8.0}
    for order, moment in stated.items():
        assert (r**order).mean() == pytest.approx(moment, rel=3e-5), order
    for place in (0.3, 1.0, 2.5):
        assert (r > place).mean() == pytest.approx(np.exp(-(place**2) / 2), abs=1e-5)


def test_the_direction_of_a_pair_is_uniform_on_the_circle():
    # 2^14 words that cut the circle into even parts, at one radius.
    angles = (np.arange(2**14, dtype=np.uint32) << np.uint32(18)) + np.uint32(2**17)
    x, y = map(np.float64, normal_pair(np.full_like(angles, 2**30), angles))
    r = np.hypot(x, y)
    np.testing.assert_allclose(r, np.sqrt(np.log(16)), rtol=1e-6)  # u = 1/4
    x, y = x / r, y / r
    stated = {
        "x": (x, 0.0),
        "y": (y, 0.0),
        "x²": (x**2, 1 / 2),
        "|x|": (np.abs(x), 2 / np.pi),
        "|y|": (np.abs(y), 2 / np.pi),
        "x|x|": (x * np.abs(x), 0.0),
        "xy": (x * y, 0.0),
        "x⁴": (x**4, 3 / 8),
        "x²y²": (x**2 * y**2, 1 / 8),
    }
    for name, (values, mean) in stated.items():
        assert values.mean() == pytest.approx(mean, abs=1e-6), name
    turns = np.sort(np.arctan2(y, x))
    np.testing.assert_allclose(np.diff(turns), 2 * np.pi / 2**14, rtol=5e-3)


# -- formulas of the theory at a law that depends on the weight ------------------------------------

CELLS = {
    "linear": linear(tau=1, c=0.2),
    "soft bounds": soft_bounds(tau_max=1, tau_min=-0.7),
    "power": power(tau=1, gamma=2),
}
BOWL = quadratic(1.5, 0.25)
RATE = 0.1
LAW = LAWS["state-dependent"]


def increments(cell, at, point, rate=RATE):
    """The pulses at the weight `at` for gradients at `point`, by the rule of a pulse; shares."""
    xi, share = drawn(LAW, point)
    d = -rate * (1.5 * (point - 0.25) + xi)
    q = np.where(d >= 0, float(cell.q_up(at)), float(cell.q_down(at)))
    return d * q, share


STATE, ALPHA = sympy.Symbol("W", real=True), sympy.Symbol("alpha", positive=True)


@pytest.mark.parametrize("name", CELLS)
def test_the_mean_and_the_square_of_a_step_are_those_of_its_draws(name):
    cell = CELLS[name]
    drift = mean_drift(analog_sgd, cell, BOWL, closures={"m_W": exact(LAW)}).increments["W"]
    square = second_moment(cell, BOWL, LAW)
    update = effective_update(analog_sgd, cell, BOWL, LAW)
    for weight in (-0.6, 0.0, 0.5):
        step, share = increments(cell, weight, weight)
        mean, mean_square = share @ step, share @ step**2
        numbers = {STATE: weight, ALPHA: RATE}
        assert float(drift.subs(numbers)) == pytest.approx(mean, rel=1e-4)
        assert float(square.subs(numbers)) == pytest.approx(mean_square, rel=1e-4)
        # T is the pull: a step goes by −αT on average.
        assert -RATE * float(update(weight)) == pytest.approx(mean, rel=1e-4)
        diffusion = update.diffusion(np.asarray(weight), np.asarray(1.5 * (weight - 0.25)))
        assert RATE**2 * float(diffusion) == pytest.approx(mean_square, rel=1e-4)


@pytest.mark.parametrize("weight", [-0.6, 0.5])
def test_the_square_of_a_digital_step_is_that_of_its_draws(weight):
    xi, share = drawn(LAW, weight)
    square = second_moment(None, BOWL, LAW, algorithm=digital_sgd).subs(
        {STATE: weight, ALPHA: RATE}
    )
    expected = share @ (RATE * (1.5 * (weight - 0.25) + xi)) ** 2
    assert float(square) == pytest.approx(expected, rel=1e-4)


def test_without_a_weight_a_law_is_that_at_zero():
    zero = [LAW.mean_abs(0.4, 0.0), LAW.signed_square(0.4, 0.0), *np.ravel(LAW.atoms(0.0))]
    away = [LAW.mean_abs(0.4, 1.0), LAW.signed_square(0.4, 1.0), *np.ravel(LAW.atoms(1.0))]
    assert [LAW.mean_abs(0.4), LAW.signed_square(0.4), *np.ravel(LAW.atoms())] == zero
    assert not np.isclose(zero, away, rtol=1e-3).any()
    assert LAW.evaluate(notation.g + 2 * notation.xi + 4 * w) == 0


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_without_noise_the_moments_are_those_of_the_gradient(law):
    quiet = Law(law.form, {**law.numbers, "sigma": np.array([0.0, 1.0])})
    for moment, of_gradient in ((quiet.mean_abs(-0.3), 0.3), (quiet.signed_square(-0.3), -0.09)):
        assert moment[0] == of_gradient
        assert abs(moment[1] - of_gradient) > 0.1


@pytest.mark.parametrize("name", CELLS)
def test_a_law_depends_on_the_point_of_the_gradient_not_on_the_array(name):
    cell, mixing = CELLS[name], 0.4
    at = {"P": -0.3, "W": 0.5}
    drift = mean_drift(
        residual_learning,
        {"P": cell, "W": linear(tau=1)},
        BOWL,
        closures={"m_P": exact(LAW)},
        hyper={"learning_rate": RATE, "mixing": mixing},
    ).increments["P"]
    found = drift.subs({sympy.Symbol(array, real=True): value for array, value in at.items()})
    step, share = increments(cell, at["P"], at["W"] + mixing * at["P"])
    assert float(found) == pytest.approx(share @ step, rel=1e-4)


def test_the_formulas_of_a_state_dependent_law_vary_with_the_weight():
    # Else the tests above would compare the same number at every weight.
    assert LAW.form.absolute_moment.has(w)
    assert np.ptp([float(LAW.mean_abs(0.0, weight)) for weight in WEIGHTS]) > 0.2 * SIGMA


@pytest.mark.parametrize("theory", [linearised, penalised_minimiser])
def test_theory_of_a_constant_noise_refuses_a_law_that_follows_the_weight(theory):
    with pytest.raises(ValueError, match="two-point depends on the weight"):
        theory(CELLS["linear"], BOWL, LAW)


@pytest.mark.parametrize("name", CELLS)
def test_the_root_of_the_drift_is_where_the_mean_of_the_draws_vanishes(name):
    root = drift_root(analog_sgd, CELLS[name], BOWL, LAW)
    # The law jumps between two strata: half of one is what the mean can be off by.
    step, share = increments(CELLS[name], root, root)
    assert share @ step == pytest.approx(0.0, abs=np.ptp(step) / (2 * _STRATA))
