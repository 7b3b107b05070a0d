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
from aimctheory.derive.expansion import FirstOrder, first_order, stationary_moments
from aimctheory.derive.fixed_points import (
    Equations,
    Stability,
    fixed_point_equations,
    jacobian,
    stability,
)
from aimctheory.derive.implicit_objective import (
    ImplicitObjective,
    implicit_objective,
    linearised_stationary_point,
)
from aimctheory.derive.moments import second_moment
from aimctheory.derive.symbolic_step import SymbolicStep, symbolic_step

__all__ = [
    "Closure",
    "Equations",
    "FirstOrder",
    "ImplicitObjective",
    "MeanDrift",
    "Spot",
    "Stability",
    "SymbolicStep",
    "always",
    "at_mean",
    "exact",
    "first_order",
    "fixed_point_equations",
    "folded_normal",
    "implicit_objective",
    "jacobian",
    "linearised_stationary_point",
    "mean_drift",
    "noise_floor",
    "open_symbol",
    "second_moment",
    "stability",
    "stationary_moments",
    "symbolic_step",
]
