"""Skew noise and noise that depends on the weight, in symbols: against sums over its two atoms."""

from __future__ import annotations

import pytest
import sympy
from sympy import Rational, sqrt

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.residual_learning import residual_learning
from aimctheory.catalogue import linear
from aimctheory.derive import exact, mean_drift, second_moment
from aimctheory.laws import TWO_POINT, TWO_POINT_FROZEN, two_point, two_point_frozen
from aimctheory.notation import positive, sigma, w
from tests.formulas import P, W, alpha, gamma, same

HALF, RATE, HERE = Rational(1, 2), Rational(1, 4), Rational(2, 5)
SLOPES = [Rational(-3, 2), Rational(-1, 10), Rational(0), Rational(1, 5), Rational(5, 2)]
LAWS = {  # the law, and the probability of its upper value at a weight
    "depends on the weight": (two_point(0.5, tau=2), lambda x: (1 - x / 2) / 2),
    "frozen": (two_point_frozen(0.5, p=0.2), lambda x: Rational(1, 5)),
}


def mean(function, share):
    """E function(ξ) for the law of standard deviation 1/2 whose upper value has this share."""
    up, down = HALF * sqrt((1 - share) / share), -HALF * sqrt(share / (1 - share))
    return share * function(up) + (1 - share) * function(down)


def step(d, x):
    """The change of the linear cell with τ = 1 and c = 1/5, where q± = (1 ± c)(1 ∓ w)."""
    up, down = Rational(6, 5) * (1 - x), Rational(4, 5) * (1 + x)
    return d * (up if d > 0 else down)


def near(found, wanted):
    return abs(sympy.N(found - wanted, 40)) < 1e-30


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("name", LAWS)
def test_the_drift_is_the_mean_over_the_atoms(name, slope):
    law, share = LAWS[name]
    cell, line = linear(tau=1, c=0.2), slope * w
    drift = mean_drift(analog_sgd, cell, line, closures={"m_W": exact(law)}).increments["W"]
    by_hand = mean(lambda xi: step(-RATE * (slope + xi), HERE), share(HERE))
    assert near(drift.subs({W: HERE, alpha: RATE}), by_hand)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("name", LAWS)
def test_the_second_moment_is_the_mean_square_over_the_atoms(name, slope):
    law, share = LAWS[name]
    found = second_moment(linear(tau=1, c=0.2), slope * w, law)
    by_hand = mean(lambda xi: step(-RATE * (slope + xi), HERE) ** 2, share(HERE))
    assert near(found.subs({W: HERE, alpha: RATE}), by_hand)


def test_the_noise_of_residual_learning_depends_on_where_its_gradient_is_taken():
    law, share = LAWS["depends on the weight"]
    drift = mean_drift(
        residual_learning,
        linear(tau=1, c=0.2),
        w**2 / 2,
        closures={"m_P": exact(law)},
        hyper={"learning_rate": RATE, "mixing": HALF},
    )
    for at in (Rational(-2, 3), Rational(1, 10)):
        point = HERE + at / 2  # W + γP
        by_hand = mean(lambda xi, x=at, g=point: step(-RATE * (g + xi), x), share(point))
        assert near(drift.increments["P"].subs({W: HERE, P: at}), by_hand)


@pytest.mark.parametrize(
    ("law", "form", "numbers"),
    [
        (two_point(0.5, tau=2), TWO_POINT, {positive("tau"): 2}),
        (two_point_frozen(0.5, p=0.2), TWO_POINT_FROZEN, {positive("p"): Rational(1, 5)}),
    ],
    ids=["depends on the weight", "frozen"],
)
def test_a_law_in_symbols_becomes_the_law_with_numbers(law, form, numbers):
    cell, bowl = linear(tau=1, c=0.2), (w - 1) ** 2 / 2
    in_symbols = second_moment(cell, bowl, form).subs({**numbers, sigma: HALF})
    assert same(in_symbols, second_moment(cell, bowl, law))


def test_the_symbol_of_the_mixing_stays_where_no_number_is_given():
    drift = mean_drift(residual_learning, linear(tau=1), w**2 / 2, closures={"m_P": exact()})
    M = sympy.Function("M", real=True)
    assert drift.increments["P"].has(M(W + gamma * P))
