"""The pulse, once: what a requested increment does to the weight of a cell.

Both functions are written like an algorithm's step, for one element.  The reference engine calls
them with arrays, a kernel prints them, `exact` calls them with jets, and `derive` reads them as
formulas.  A cell that moves by another rule is another pair of functions here.
"""

from __future__ import annotations

from typing import Any


def response(d: Any, responses: Any, ops: Any) -> Any:
    """The q that an increment d meets: q₊ for d ≥ 0, q₋ for d < 0; RF25 (3).

    `responses` holds q₊ and q₋ at the weight, as `up` and `down`.
    """
    q = ops.where(d >= 0.0, responses.up, responses.down)
    return q


def pulse(w: Any, d: Any, responses: Any, ops: Any) -> Any:
    """The weight after a pulse of increment d: U(w, d) = w + d·q, RF25 (3)."""
    q = response(d, responses, ops)
    return w + d * q
