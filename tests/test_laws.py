"""A noise law is one definition: a law that the package does not have works on every side."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Abs, Piecewise, exp, sign, sqrt

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.catalogue import linear
from aimctheory.exact.drift import drift_root
from aimctheory.exact.stationary import stationary_law
from aimctheory.laws import GAUSSIAN, Law, LawForm
from aimctheory.notation import g, sigma, xi
from aimctheory.objectives.quadratic import quadratic
from aimctheory.simulator.simulate import simulate

_b = sigma / sqrt(2)


def draw_laplace(raw, point, p, ops):
    below, above = ops.log(2.0 * raw), -ops.log(2.0 * (1.0 - raw))
    return p.sigma / ops.sqrt(2.0) * ops.where(raw < 0.5, below, above)


LAPLACE = LawForm(
    id="laplace",
    parameters=GAUSSIAN.parameters,
    raw="uniform",
    draw=draw_laplace,
    absolute_moment=Abs(g) + _b * exp(-Abs(g) / _b),
    signed_square=sign(g) * (g**2 + 2 * _b**2 * (1 - exp(-Abs(g) / _b))),
    density=exp(-Abs(xi) / _b) / (2 * _b),
    cumulative=Piecewise((exp(xi / _b) / 2, xi < 0), (1 - exp(-xi / _b) / 2, True)),
    edges=(-51 * _b, sympy.Integer(0), 51 * _b),
)
LAW = Law(LAPLACE, {"sigma": 0.5})
CELL, BOWL = linear(tau=1), quadratic(minimiser=0.5)


def run(engine, steps, replicates):
    return simulate(
        analog_sgd,
        CELL,
        BOWL,
        hyper={"learning_rate": 0.05},
        noise=LAW,
        steps=steps,
        replicates=replicates,
        rng=0,
        engine=engine,
        averages={"W": lambda state, hyper, gradient, ops: state.W},
    )


def test_both_engines_draw_the_same_bits():
    kernel, reference = (run(engine, 100, 20) for engine in ("kernel", "reference"))
    np.testing.assert_array_equal(kernel.states["W"], reference.states["W"])


def test_the_drift_root_uses_its_absolute_moment():
    # By hand: (w − 1/2)F + E|w − 1/2 + ξ|G = 0 with F = 1, G = w and E|g + ξ| = |g| + b e^{−|g|/b}.
    root = drift_root(analog_sgd, CELL, BOWL, LAW)
    gradient, b = root - 0.5, 0.5 / np.sqrt(2)
    moment = abs(gradient) + b * np.exp(-abs(gradient) / b)
    assert gradient + moment * root == pytest.approx(0, abs=1e-12)


def test_the_simulated_mean_is_that_of_the_exact_stationary_law():
    # False alarm 1e-6.
    measured = run("kernel", 2000, 1000).mean("W", after=400)
    expected = stationary_law(CELL, BOWL, LAW, 0.05).mean
    assert abs(measured.value - expected) < measured.half_width < 0.003
