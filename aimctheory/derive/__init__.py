"""Theory in symbols: what follows from an algorithm's recorded step and a response's formula."""

from aimctheory.derive.closures import (
    Closure,
    Spot,
    always,
    at_mean,
    exact,
    folded_normal,
    noise_floor,
    open_symbol,
)
from aimctheory.derive.drift import MeanDrift, mean_drift
from aimctheory.derive.fixed_points import (
    Equations,
    Stability,
    fixed_point_equations,
    jacobian,
    stability,
)
