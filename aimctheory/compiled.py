"""What Numba is told: the compiled meaning of the plain functions that kernels are made of.

Importing this imports Numba.  Generated modules and `lanes` are ordinary Python; compiled, `where`
becomes a select without branches, `lanes.call` a call by address, and `lanes.wide_vectors` a
permission for the compiler.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from llvmlite import ir
from numba import cfunc, njit, types
from numba.extending import intrinsic, overload, register_jitable
from numba.np.arrayobj import make_array

from aimctheory import elementary, lanes, noise


@intrinsic
def _select(context: Any, condition: Any, a: Any, b: Any) -> Any:
    kind = context.unify_types(a, b)

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        wanted = zip(values, signature.args, (types.boolean, kind, kind), strict=True)
        return builder.select(*(target.cast(builder, *value) for value in wanted))

    return kind(condition, a, b), generate


@intrinsic
def _wide_vectors(context: Any) -> Any:
    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        # Left to itself LLVM uses half of AVX-512.  llvmlite's own `add` knows bare words only.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return target.get_dummy_value()

    return types.void(), generate


@intrinsic
def _call(
    context: Any, function: Any, cells: Any, number: Any, raw: Any, scalar: Any, n: Any, k: Any,
    phase: Any,
) -> Any:  # fmt: skip
    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        address, *rows = values[:5]
        pointers = [
            make_array(kind)(target, builder, row).data
            for kind, row in zip(signature.args[1:5], rows, strict=True)
        ]
        given = [*pointers, *values[5:]]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
        builder.call(builder.inttoptr(address, kind.as_pointer()), given)
        return target.get_dummy_value()

    whole = types.int64
    return types.void(whole, cells, number, raw, scalar, whole, whole, whole), generate


# Numba compares the names and annotations of the two signatures; lambdas have no annotations.
overload(elementary.where, inline="always")(
    lambda condition, a, b: lambda condition, a, b: _select(condition, a, b)
)
overload(lanes.wide_vectors, inline="always")(lambda: lambda: _wide_vectors())
overload(lanes.call, inline="always")(
    lambda function, cells, number, raw, scalar, n, k, phase: (
        lambda function, cells, number, raw, scalar, n, k, phase: (
            _call(function, cells, number, raw, scalar, n, k, phase)
        )
    )
)
_PLAIN = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
for _small in (*elementary.KERNEL_FUNCTIONS, *noise.KERNEL_FUNCTIONS):
    register_jitable(forceinline=True, **_PLAIN)(_small)
for _loop in lanes.KERNEL_FUNCTIONS:
    register_jitable(**_PLAIN)(_loop)

inlined = njit(inline="always", error_model="numpy")
"""Decorates what kernel functions call within their module."""

driver = njit(cache=True, nogil=True, no_cfunc_wrapper=True, error_model="numpy")
"""Decorates what Python calls: the run over blocks."""


def entry(function: Callable[..., None], single: bool) -> Any:
    """A function with the arguments of `lanes.call`, compiled to be called by its address.

    `single`: its third array is in single precision.
    """
    doubles = types.CPointer(types.float64)
    third = types.CPointer(types.float32) if single else doubles
    signature = types.void(doubles, doubles, third, doubles, *[types.int64] * 3)
    return cfunc(signature, cache=True, error_model="numpy")(function)


def prepare(module: ModuleType, entries: tuple[str, ...]) -> None:
    """Let the entries of a generated module inline its other functions."""
    for name, value in list(vars(module).items()):
        own = getattr(value, "__module__", None) == module.__name__
        if own and callable(value) and name not in entries:
            setattr(module, name, inlined(value))
