"""How Numba compiles kernels and the loops around them.

Generated modules and the loops are ordinary Python.  Compiled, three functions become something
else: `elementary.where` a select without branches, `lane_loops.call` a call by address, and
`block_layout.wide_vectors` a permission for the compiler.  Importing this module imports Numba.
"""

from __future__ import annotations

# ruff: noqa: E402  (another version of Numba may lack what is imported after the check)
import re
from inspect import isfunction
from types import ModuleType
from typing import Any

import numba

KNOWN = ("0.62", "0.69")
"""The first version of Numba that is known to work and the first that is not, as pyproject.toml."""


def require_known(version: str) -> None:
    """Raises ValueError for a version of Numba outside `KNOWN`: this module uses its internals."""

    def number(text: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", text)[:2]]

    first, beyond = KNOWN
    if not number(first) <= number(version) < number(beyond):
        raise ValueError(
            f"Numba {version} is installed, and kernels are known to work with versions from "
            f"{first} up to, not including, {beyond}: install one (pip install "
            f"'numba>={first},<{beyond}'), or use engine='reference'"
        )


require_known(numba.__version__)

from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import lower_builtin, register_jitable, type_callable
from numba.np.arrayobj import make_array

from aimctheory.simulator import (
    block_layout,
    draw_counter,
    dynamic_range,
    lane_draws,
    lane_loops,
    lane_watch,
    noise,
)
from aimctheory.simulator.kernel_text import ENTRIES
from aimctheory.tree import elementary


@type_callable(elementary.where)
def _where_type(context: Any) -> Any:
    return lambda condition, a, b: context.unify_types(a, b)


@lower_builtin(elementary.where, types.Any, types.Any, types.Any)
def _where(target: Any, builder: Any, signature: Any, values: Any) -> Any:
    kind = signature.return_type
    wanted = zip(values, signature.args, (types.boolean, kind, kind), strict=True)
    return builder.select(*(target.cast(builder, *value) for value in wanted))


@type_callable(block_layout.wide_vectors)
def _wide_vectors_type(context: Any) -> Any:
    return lambda: types.void


@lower_builtin(block_layout.wide_vectors)
def _wide_vectors(target: Any, builder: Any, signature: Any, values: Any) -> Any:
    # By default LLVM uses half of the width of AVX-512.  The `add` of llvmlite's own class accepts
    # bare words only, so that of its base class is called.
    set.add(builder.function.attributes, '"prefer-vector-width"="512"')
    return target.get_dummy_value()


@type_callable(lane_loops.call)
def _call_type(context: Any) -> Any:
    return lambda entry, buffers, b, n, k, first, last: types.void


@lower_builtin(lane_loops.call, *[types.Any] * 7)
def _call(target: Any, builder: Any, signature: Any, values: Any) -> Any:
    address, buffers, b, *whole = values  # whole: n, k, first, last
    _, buffers_type, _, *whole_types = signature.args
    arrays = [
        make_array(kind)(target, builder, builder.extract_value(buffers, position))
        for position, kind in enumerate(buffers_type)
    ]
    rows, number, third, scalar = arrays

    def block(array: Any) -> Any:
        """Where block b of an array begins."""
        start = builder.mul(b, builder.extract_value(array.strides, 0))
        return builder.bitcast(cgutils.pointer_add(builder, array.data, start), array.data.type)

    given = [block(rows), block(number), block(third), scalar.data]
    given += [
        target.cast(builder, value, kind, types.int64)
        for value, kind in zip(whole, whole_types, strict=True)
    ]
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
    builder.call(builder.inttoptr(address, kind.as_pointer()), given)
    return target.get_dummy_value()


_PLAIN = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
for _small in (
    *elementary.KERNEL_FUNCTIONS,
    *block_layout.KERNEL_FUNCTIONS,
    *draw_counter.KERNEL_FUNCTIONS,
    *dynamic_range.KERNEL_FUNCTIONS,
    *noise.KERNEL_FUNCTIONS,
):
    register_jitable(forceinline=True, **_PLAIN)(_small)
for _loop in (
    *lane_draws.KERNEL_FUNCTIONS,
    *lane_watch.KERNEL_FUNCTIONS,
    *lane_loops.KERNEL_FUNCTIONS,
):
    register_jitable(**_PLAIN)(_loop)

inlined = njit(inline="always", error_model="numpy")
"""Decorates the functions of a kernel that its entries call."""

driver = njit(cache=True, nogil=True, no_cfunc_wrapper=True, error_model="numpy")
"""Decorates the loops over blocks, which Python calls."""


def entry(module: ModuleType, name: str) -> Any:
    """An entry of a generated module, compiled to be called by its address.

    The module's other functions are inlined.  The third array of `steps` holds raw draws, which are
    words; that of `query_points` holds points.
    """
    for other, value in list(vars(module).items()):
        own = isfunction(value) and value.__module__ == module.__name__
        if own and other not in ENTRIES:
            setattr(module, other, inlined(value))
    doubles, words = types.CPointer(types.float64), types.CPointer(types.uint32)
    third = words if name == "steps" else doubles
    signature = types.void(doubles, doubles, third, doubles, *[types.int64] * 4)
    return cfunc(signature, cache=True, error_model="numpy")(getattr(module, name))
