"""Noise laws: how ξ is drawn for the simulator, and its moments in closed form for the theory.

The law of the stream "gradient" adds ξ to the gradient g.  The penalty of Analog SGD depends on
E|g + ξ|, which is Σ = E|ξ| at g = 0.  σ is the standard deviation *per coordinate*; EX24 states
totals over D coordinates, so divide those by √D.

To add a law, append to this file

1. a `LawForm`: its `draw`, recorded like an algorithm's step, and its closed forms, SymPy
   expressions in `notation.g`, `notation.xi`, `notation.w` and the symbols of the parameters.
   One parameter is σ (`_SIGMA`).  A continuous law gives `density`, `cumulative` and `edges`, a
   discrete one `atoms`.
2. a function that returns the law with numbers, as `gaussian` does.

Both engines, `derive` and `exact` then accept the law, and no other file changes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from sympy import Abs, Max, Piecewise, Rational, erf, exp, pi, sqrt

from aimctheory.notation import (
    NONNEGATIVE,
    POSITIVE,
    Interval,
    Parameter,
    Source,
    g,
    settle,
    sigma,
    w,
    xi,
)

RAW = ("normal", "uniform")
"""The raw numbers that a law may be drawn from."""

_SIGMA = Parameter(
    "sigma", sigma, NONNEGATIVE, (0.1, 1.0), "the standard deviation of the noise, per coordinate"
)
_tau = sympy.Symbol("tau", positive=True)
_p = sympy.Symbol("p", positive=True)
_TAU = Parameter("tau", _tau, POSITIVE, (0.5, 2.0), "the half-width of the linear device")
_SHARE = Parameter(
    "p", _p, Interval(0.0, 1.0, True, True), (0.2, 0.8), "the probability of the upper value"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LawForm:
    """A noise law of mean 0 in symbols; `Law` adds the numbers.

    Attributes
    ----------
    raw
        The raw number that a draw uses: "normal" (standard) or "uniform" (in (0, 1)).
    draw
        `draw(raw, point, p, ops)` returns ξ.  `point` is the weight at which the gradient is taken,
        `p` has the law's parameters as attributes, and `ops` is that of an algorithm's step.
    absolute_moment
        E|g + ξ|.
    signed_square
        E[(g + ξ)|g + ξ|].
    density, cumulative
        The probability density of a continuous law at ξ, and the probability below ξ.
    edges
        The points between which the density of a continuous law is smooth, in order: where the
        density begins, has kinks and ends (or leaves less than 1e-22 of the probability).
    atoms
        Pairs (value, probability) of a discrete law.
    source
        Where the law is printed.

    Raises ValueError for another `raw`.
    """

    id: str
    parameters: tuple[Parameter, ...]
    raw: str
    draw: Callable[[Any, Any, Any, Any], Any]
    absolute_moment: sympy.Expr
    signed_square: sympy.Expr
    density: sympy.Expr | None = None
    cumulative: sympy.Expr | None = None
    edges: tuple[sympy.Expr, ...] = ()
    atoms: tuple[tuple[sympy.Expr, sympy.Expr], ...] = ()
    source: Source | None = None

    def __post_init__(self) -> None:
        if self.raw not in RAW:
            raise ValueError(
                f"{self.id}: raw = {self.raw!r} is not a raw number; use {' or '.join(RAW)}"
            )

    @property
    def state_dependent(self) -> bool:
        """Whether the law depends on the weight at which the gradient is taken."""
        return bool(self.absolute_moment.has(w))


@dataclass(frozen=True, slots=True)
class Law:
    """A noise law with numbers: scalars or arrays that broadcast to (replicates, coordinates).

    Raises ValueError for a missing or unknown number and for one outside its parameter's domain.
    """

    form: LawForm
    numbers: Mapping[str, Any]

    def __post_init__(self) -> None:
        form = self.form
        values = settle(form.parameters, self.numbers, form.id, noun="parameter", call="{name}")
        object.__setattr__(self, "numbers", values)

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v}" for k, v in self.numbers.items())
        return f"{self.form.id}({inside})"

    @property
    def sigma(self) -> Any:
        """The standard deviation of ξ, per coordinate."""
        return self.numbers["sigma"]

    def evaluate(self, formula: sympy.Expr, **inputs: ArrayLike) -> NDArray[np.float64]:
        """The value of a formula in g, ξ, w and the law's parameters; an input not given is 0.

        The shape is that of the inputs and the law's numbers, broadcast.
        """
        function = _compiled(formula, tuple(p.symbol for p in self.form.parameters))
        values = [np.asarray(inputs.get(name, 0.0), dtype=float) for name in ("g", "xi", "w")]
        numbers = [np.asarray(self.numbers[p.name], dtype=float) for p in self.form.parameters]
        # At σ = 0 the closed forms divide by 0; the callers replace those values.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            result = function(*values, *numbers)
        shape = np.broadcast_shapes(*(v.shape for v in (*values, *numbers)))
        return np.array(np.broadcast_to(np.asarray(result, dtype=float), shape))

    def mean_abs(self, gradient: ArrayLike, weight: ArrayLike = 0.0) -> NDArray[np.float64]:
        """E|g + ξ|; |g| where σ = 0.  `weight` matters for a law that depends on the weight."""
        value = self.evaluate(self.form.absolute_moment, g=gradient, w=weight)
        return self._unless_quiet(value, np.abs(gradient))

    def signed_square(self, gradient: ArrayLike, weight: ArrayLike = 0.0) -> NDArray[np.float64]:
        """E[(g + ξ)|g + ξ|]; g|g| where σ = 0.  Used for the stationary law to first order in α."""
        value = self.evaluate(self.form.signed_square, g=gradient, w=weight)
        return self._unless_quiet(value, np.multiply(gradient, np.abs(gradient)))

    def _unless_quiet(self, value: ArrayLike, noise_free: ArrayLike) -> NDArray[np.float64]:
        """`value` where σ > 0, else `noise_free`: the closed forms divide by σ."""
        return np.asarray(np.where(np.asarray(self.sigma) == 0, noise_free, value), dtype=float)

    def density(self, noise: ArrayLike) -> NDArray[np.float64]:
        """The probability density of ξ.  Raises ValueError for a discrete law."""
        return self.evaluate(self._continuous(self.form.density), xi=noise)

    def cumulative(self, noise: ArrayLike) -> NDArray[np.float64]:
        """P(ξ ≤ noise).  Raises ValueError for a discrete law."""
        return self.evaluate(self._continuous(self.form.cumulative), xi=noise)

    def edges(self) -> list[NDArray[np.float64]]:
        """The points between which the density is smooth, in order; none for a discrete law."""
        return [self.evaluate(edge) for edge in self.form.edges]

    def _continuous(self, formula: sympy.Expr | None) -> sympy.Expr:
        if formula is None:
            raise ValueError(f"{self.form.id} is a discrete law; use its atoms")
        return formula

    def atoms(
        self, weight: ArrayLike = 0.0
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """The values of a discrete law with their probabilities; none for a continuous law."""
        return [
            (self.evaluate(value, w=weight), self.evaluate(share, w=weight))
            for value, share in self.form.atoms
        ]


@functools.cache
def _compiled(formula: sympy.Expr, parameters: tuple[sympy.Symbol, ...]) -> Callable[..., Any]:
    symbols = [g, xi, w, *parameters]
    function: Callable[..., Any] = sympy.lambdify(symbols, formula, ["scipy", "numpy"])
    return function


# The draws are functions with names, so that a law can be pickled: a process that is spawned gets
# its laws so.


def _draw_gaussian(raw: Any, point: Any, p: Any, ops: Any) -> Any:
    return p.sigma * raw


def _draw_uniform(raw: Any, point: Any, p: Any, ops: Any) -> Any:
    # 1/√12 is the standard deviation of the raw number.
    return p.sigma * (ops.sqrt(12.0) * (raw - 0.5))


def _draw_rademacher(raw: Any, point: Any, p: Any, ops: Any) -> Any:
    return ops.where(raw < 0.5, -p.sigma, p.sigma)


_b = sqrt(3) * sigma  # half the width of a uniform law of standard deviation σ
GAUSSIAN = LawForm(
    id="gaussian",
    parameters=(_SIGMA,),
    raw="normal",
    draw=_draw_gaussian,
    absolute_moment=sigma * sqrt(2 / pi) * exp(-(g**2) / (2 * sigma**2))
    + g * erf(g / (sigma * sqrt(2))),
    signed_square=(g**2 + sigma**2) * erf(g / (sigma * sqrt(2)))
    + g * sigma * sqrt(2 / pi) * exp(-(g**2) / (2 * sigma**2)),
    density=exp(-(xi**2) / (2 * sigma**2)) / (sigma * sqrt(2 * pi)),
    cumulative=sympy.erfc(-xi / (sigma * sqrt(2))) / 2,
    edges=(-10 * sigma, 10 * sigma),  # a normal lies outside with probability 1.5e-23
    source=Source("EX24", "D.2, p. 23"),
)
UNIFORM = LawForm(
    id="uniform",
    parameters=(_SIGMA,),
    raw="uniform",
    draw=_draw_uniform,
    absolute_moment=Piecewise(((g**2 + _b**2) / (2 * _b), Abs(g) <= _b), (Abs(g), True)),
    signed_square=Piecewise(
        ((g**3 / 3 + g * _b**2) / _b, Abs(g) <= _b), ((g**2 + _b**2 / 3) * sympy.sign(g), True)
    ),
    density=Piecewise((1 / (2 * _b), Abs(xi) <= _b), (0, True)),
    cumulative=Piecewise((0, xi < -_b), (1, xi > _b), ((xi + _b) / (2 * _b), True)),
    edges=(-_b, _b),
)
RADEMACHER = LawForm(
    id="rademacher",
    parameters=(_SIGMA,),
    raw="uniform",
    draw=_draw_rademacher,
    absolute_moment=Max(Abs(g), sigma),
    signed_square=Piecewise(
        (2 * g * sigma, Abs(g) <= sigma), ((g**2 + sigma**2) * sympy.sign(g), True)
    ),
    atoms=((-sigma, Rational(1, 2)), (sigma, Rational(1, 2))),
)


def _two_point_moments(p: sympy.Expr) -> dict[str, Any]:
    """The moments and atoms of EX24's law: +σ√((1−p)/p) with probability p, else −σ√(p/(1−p))."""
    up, down = sigma * sqrt((1 - p) / p), -sigma * sqrt(p / (1 - p))
    return {
        "absolute_moment": p * Abs(g + up) + (1 - p) * Abs(g + down),
        "signed_square": p * (g + up) * Abs(g + up) + (1 - p) * (g + down) * Abs(g + down),
        "atoms": ((up, p), (down, 1 - p)),
    }


def _two_points(raw: Any, share: Any, p: Any, ops: Any) -> Any:
    """A draw of EX24's law; `share` is the probability of the upper value."""
    up = p.sigma * ops.sqrt((1.0 - share) / share)
    down = p.sigma * ops.sqrt(share / (1.0 - share))
    return ops.where(raw < share, up, -down)


def _draw_two_point(raw: Any, point: Any, p: Any, ops: Any) -> Any:
    return _two_points(raw, 0.5 * (1.0 - point / p.tau), p, ops)


def _draw_two_point_frozen(raw: Any, point: Any, p: Any, ops: Any) -> Any:
    return _two_points(raw, p.p, p, ops)


TWO_POINT = LawForm(
    id="two-point",
    parameters=(_SIGMA, _TAU),
    raw="uniform",
    draw=_draw_two_point,
    **_two_point_moments((1 - w / _tau) / 2),
    source=Source("EX24", "Theorem 3, Appendix"),
)
TWO_POINT_FROZEN = LawForm(
    id="two-point-frozen",
    parameters=(_SIGMA, _SHARE),
    raw="uniform",
    draw=_draw_two_point_frozen,
    **_two_point_moments(_p),
    source=Source("EX24", "Theorem 3, with p held at its limit (so that Assumption 3 holds)"),
)


def gaussian(sigma: Any) -> Law:
    """N(0, σ²) per coordinate: Σ = σ√(2/π).

    >>> round(float(gaussian(0.5).mean_abs(0.0)), 4)
    0.3989
    """
    return Law(GAUSSIAN, {"sigma": sigma})


def uniform(sigma: Any) -> Law:
    """Uniform on [−√3σ, √3σ]: Σ = √3σ/2.

    >>> round(float(uniform(0.5).mean_abs(0.0)), 4)
    0.433
    """
    return Law(UNIFORM, {"sigma": sigma})


def rademacher(sigma: Any) -> Law:
    """±σ with equal probability: E|g + ξ| = max(|g|, σ).

    >>> float(rademacher(0.5).mean_abs(0.2))
    0.5
    """
    return Law(RADEMACHER, {"sigma": sigma})


def two_point(sigma: Any, tau: Any) -> Law:
    """The law of EX24's lower bound as printed, with p = (1 − w/τ)/2 at the weight w.

    ξ = σ√((1−p)/p) with probability p, −σ√(p/(1−p)) otherwise: mean 0, variance σ².  Source: EX24,
    Theorem 3.

    >>> law = two_point(0.5, tau=1)
    >>> [[round(float(part), 3) for part in atom] for atom in law.atoms(weight=0.6)]
    [[1.0, 0.2], [-0.25, 0.8]]
    """
    return Law(TWO_POINT, {"sigma": sigma, "tau": tau})


def two_point_frozen(sigma: Any, p: Any) -> Law:
    """The law of EX24's lower bound with p fixed, so the noise does not depend on the weight.

    >>> law = two_point_frozen(0.5, p=0.2)
    >>> [[round(float(part), 3) for part in atom] for atom in law.atoms()]
    [[1.0, 0.2], [-0.25, 0.8]]
    """
    return Law(TWO_POINT_FROZEN, {"sigma": sigma, "p": p})
