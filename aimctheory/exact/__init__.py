"""Theory in numbers, without random draws: roots, stationary laws, one-step expectations, floors.

The functions take what `simulate` takes (algorithm, device, objective, law) and return what a run
of it would tend to, each with the formula it evaluates in its docstring.
"""

from aimctheory.exact.digital import DigitalFloor, digital_floor
from aimctheory.exact.drift import drift_root, linearised, penalised_minimiser
from aimctheory.exact.first_order import FirstOrder, first_order
from aimctheory.exact.limits import crossover, shifted_limit
from aimctheory.exact.mean_field import MeanField, residual_mean_field, zero_shifted_law
from aimctheory.exact.quadrature import Expectation, one_step_expectation
from aimctheory.exact.stationary import StationaryLaw, stationary_law
from aimctheory.exact.update import EffectiveUpdate, effective_update

__all__ = [
    "DigitalFloor",
    "EffectiveUpdate",
    "Expectation",
    "FirstOrder",
    "MeanField",
    "StationaryLaw",
    "crossover",
    "digital_floor",
    "drift_root",
    "effective_update",
    "first_order",
    "linearised",
    "one_step_expectation",
    "penalised_minimiser",
    "residual_mean_field",
    "shifted_limit",
    "stationary_law",
    "zero_shifted_law",
]
