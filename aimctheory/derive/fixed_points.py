"""Where the mean drift vanishes, and whether the iteration stays there.

A fixed point has E[new state] = state for every state.  It is stable where every eigenvalue of
J = ∂E[new state]/∂state lies inside the unit circle, and overdamped where all of them are real.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy

from aimctheory.derive.drift import MeanDrift
from aimctheory.derive.inputs import exact_number
from aimctheory.derive.latex import aligned


@dataclass(frozen=True, slots=True)
class Equations:
    """Equations that hold together, one per state: indexable by the state's name."""

    by_state: Mapping[str, sympy.Eq]

    def __getitem__(self, state: str) -> sympy.Eq:
        return self.by_state[state]

    def __iter__(self) -> Iterator[sympy.Eq]:
        return iter(self.by_state.values())

    def latex(self) -> str:
        """The equations as aligned LaTeX."""
        return aligned(
            f"{sympy.latex(equation.lhs)} &= {sympy.latex(equation.rhs)}" for equation in self
        )


def fixed_point_equations(drift: MeanDrift) -> Equations:
    """E[new state] = state for every state, each written as 0 = …, free of common factors.

    The equation of a state takes the others at rest, so that the transfer of Residual Learning
    reads βP·F_W − m_W·G_W = 0, not with the new P written out; the solutions are the same.

    >>> from aimctheory.algorithms.analog_sgd import analog_sgd
    >>> from aimctheory.derive import mean_drift, noise_floor
    >>> print(fixed_point_equations(mean_drift(analog_sgd, closures={"m_W": noise_floor}))["W"])
    Eq(Sigma*G(W) + F(W)*g(W), 0)
    """
    return Equations(
        {name: _at_rest(mean - drift.states[name]) for name, mean in drift.balanced.items()}
    )


def _at_rest(change: sympy.Expr) -> sympy.Eq:
    """`change` = 0 without factors that cannot vanish, the sign of its first term positive."""
    factors = sympy.Mul.make_args(sympy.factor_terms(change))
    left = sympy.Mul(*(f for f in factors if not (f.is_number or f.is_positive)))
    return sympy.Eq(-left if left.could_extract_minus_sign() else left, 0, evaluate=False)


def jacobian(drift: MeanDrift) -> sympy.ImmutableMatrix:
    """J[i, j] = ∂E[new state i]/∂(state j), rows and columns in the order of `drift.states`.

    An open m is held constant; a closure (`noise_floor`, `exact`) puts its derivative into J.

    >>> from aimctheory.algorithms.digital_sgd import digital_sgd
    >>> from aimctheory.derive import mean_drift
    >>> from aimctheory.notation import positive, w
    >>> print(jacobian(mean_drift(digital_sgd, objective=positive("h") * w**2 / 2)))
    Matrix([[-alpha*h + 1]])
    """
    return sympy.ImmutableMatrix(
        [[mean.diff(state) for state in drift.states.values()] for mean in drift.means.values()]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """The linearised iteration at a point.

    `stable` is the condition that all eigenvalues lie inside the unit circle, `overdamped` that all
    are real (None beyond three states); `eigenvalues` is empty where they have no short formula.
    """

    jacobian: sympy.ImmutableMatrix
    eigenvalues: tuple[sympy.Expr, ...]
    stable: sympy.Basic
    overdamped: sympy.Basic | None

    def latex(self) -> str:
        """J and both conditions as aligned LaTeX."""
        lines = {"J": self.jacobian, "stable": self.stable, "overdamped": self.overdamped}
        return aligned(
            rf"\text{{{title}}} &: {sympy.latex(value)}"
            for title, value in lines.items()
            if value is not None
        )


def stability(drift: MeanDrift, point: Mapping[str, Any] | None = None) -> Stability:
    """The eigenvalues of J at `point` (state → value; the state itself where none is given).

    Raises ValueError for a state that the drift does not have.

    >>> from aimctheory.algorithms.digital_sgd import digital_sgd
    >>> from aimctheory.derive import mean_drift
    >>> from aimctheory.notation import positive, w
    >>> print(stability(mean_drift(digital_sgd, objective=positive("h") * w**2 / 2)).stable)
    -alpha*h + 2 > 0
    """
    for name in point or {}:
        if name not in drift.states:
            raise ValueError(
                f"{drift.algorithm} has no state {name!r}; it has: {', '.join(drift.states)}"
            )
    here = {drift.states[name]: exact_number(value) for name, value in (point or {}).items()}
    matrix = sympy.ImmutableMatrix(jacobian(drift).subs(here).applyfunc(sympy.simplify))
    z = sympy.Dummy("z")
    polynomial = sympy.Poly.from_list(matrix.charpoly().all_coeffs(), z)
    return Stability(
        jacobian=matrix,
        eigenvalues=_eigenvalues(polynomial),
        stable=inside_unit_circle(polynomial),
        overdamped=_all_real(polynomial),
    )


def _eigenvalues(polynomial: sympy.Poly) -> tuple[sympy.Expr, ...]:
    """The roots with their multiplicities; none where they have no short formula."""
    if not polynomial.free_symbols_in_domain:
        return tuple(polynomial.nroots(n=30))
    roots = sympy.roots(polynomial, cubics=False, quartics=False)
    found = tuple(root for root, times in roots.items() for _ in range(times))
    return found if len(found) == polynomial.degree() else ()


def _all_real(polynomial: sympy.Poly) -> sympy.Basic | None:
    """The condition that all roots are real: the discriminant decides it up to degree three."""
    if polynomial.degree() > 3:
        return None
    if polynomial.degree() == 1:
        return sympy.true
    return sympy.Ge(_bare(polynomial.discriminant()), 0)


def inside_unit_circle(polynomial: sympy.Poly) -> sympy.Basic:
    """The condition that a real, monic polynomial p of degree n has all roots in the unit circle.

    z = (1 + s)/(1 − s) maps the disc to the left half plane, where q(s) = (1 − s)ⁿ p(z) has all its
    roots if and only if its coefficients and every other Hurwitz minor are positive (Liénard and
    Chipart).
    """
    n, s = polynomial.degree(), polynomial.gen
    rising = polynomial.all_coeffs()[::-1]
    q = sympy.Poly(sum(c * (1 + s) ** k * (1 - s) ** (n - k) for k, c in enumerate(rising)), s)
    coefficients = [q.coeff_monomial(s ** (n - k)) for k in range(n + 1)]
    hurwitz = sympy.Matrix(
        n, n, lambda i, j: coefficients[2 * j - i + 1] if 0 <= 2 * j - i + 1 <= n else 0
    )
    minors = [hurwitz[:k, :k].det() for k in range(n - 1, 1, -2)]
    return sympy.And(*(sympy.Gt(_bare(value), 0) for value in (*coefficients, *minors)))


def _bare(value: sympy.Expr) -> sympy.Expr:
    """`value` in factors, without those that are always positive."""
    factors = sympy.Mul.make_args(sympy.factor(value))
    return sympy.Mul(*(f for f in factors if not f.is_positive))
