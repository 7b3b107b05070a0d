"""Compiled kernels, kept: a generated module is named by the hash of its text and imported by it.

The compiled code persists across processes, and an edit anywhere can never give a stale result:
another text has another name.  (Closures and jitted arguments would miss Numba's disk cache, and a
callee edited in another file would be missed by it.)
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from aimctheory import elementary, lanes, noise
from aimctheory.kernel_text import module_text as module_text


def cache_folder() -> Path:
    """Where generated modules are kept: $AIMCTHEORY_CACHE, else the user's cache folder."""
    chosen = os.environ.get("AIMCTHEORY_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "aimctheory"


@functools.cache
def _register() -> None:
    """Let Numba compile the plain functions that kernels call."""
    from numba.extending import overload, register_jitable

    bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

    def where(condition: Any, a: Any, b: Any) -> Any:
        def select(condition: Any, a: Any, b: Any) -> Any:
            return a if condition else b

        return select

    overload(elementary.where, jit_options={"forceinline": True, **bare})(where)
    small: tuple[Any, ...] = (*elementary.KERNEL_FUNCTIONS, *noise.KERNEL_FUNCTIONS)
    for function in small:
        register_jitable(forceinline=True, **bare)(function)
    loops: tuple[Any, ...] = lanes.KERNEL_FUNCTIONS
    for function in loops:
        register_jitable(**bare)(function)


def load(text: str) -> ModuleType:
    """The module of this text, compiled code from an earlier process if there is any.

    Raises ValueError when the cache folder cannot be written.
    """
    name = "kernel_" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    if name in sys.modules:
        return sys.modules[name]
    _register()
    folder = cache_folder()
    path = folder / f"{name}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False) as file:
                file.write(text)
            Path(file.name).replace(path)
    except OSError as error:
        raise ValueError(
            f"the kernel cache {folder} cannot be written ({error.strerror}); set AIMCTHEORY_CACHE "
            "to a folder that can, or use engine='reference'"
        ) from None
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before executing: Numba's cache finds functions by module name
    spec.loader.exec_module(module)
    return module
