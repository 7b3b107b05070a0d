"""The cache of compiled kernels: a generated module is named by the hash of its text.

The compiled code is kept on disk for other processes.  A result is never stale: an edit of any file
that a kernel calls gives another text, because of the digests in it, and so another name.  (Numba's
own cache never finds closures and jitted arguments again, and does not notice that a callee in
another file was edited.)
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from aimctheory.simulator.kernel_text import DIGESTS, RULES, digest, driver_text


def cache_folder() -> Path:
    """Where generated modules are kept: $AIMCTHEORY_CACHE, else the user's cache folder."""
    chosen = os.environ.get("AIMCTHEORY_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "aimctheory"


_COMPILING = threading.RLock()
"""Held by the thread that makes or compiles a module."""


def load(text: str) -> ModuleType:
    """The module of this text; its functions are plain Python until they are compiled.

    Raises ValueError if the cache folder cannot be written.
    """
    with _COMPILING:
        return _loaded(text)


def _loaded(text: str) -> ModuleType:
    name = "kernel_" + hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
    if name in sys.modules:
        return sys.modules[name]
    folder = cache_folder()
    path = folder / f"{name}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
                file.write(text.encode())  # Python reads its modules as UTF-8 everywhere
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
    try:
        spec.loader.exec_module(module)
    except BaseException:  # for example Ctrl-C while Numba is imported
        del sys.modules[name]
        raise
    return module


def entry(text: str, name: str) -> Any:
    """The address of a compiled entry of the module of this text, for `lane_loops.call`.

    Raises ValueError if the cache folder cannot be written, and for an unknown version of Numba.
    """
    with _COMPILING:
        return _compiled_entry(text, name).address


@functools.cache  # keeps the compiled code alive, which is called by its address
def _compiled_entry(text: str, name: str) -> Any:
    return _compiler().entry(load(text), name)


@functools.cache
def _compiler() -> ModuleType:
    from aimctheory.simulator import numba_rules

    if digest(RULES) != DIGESTS[RULES]:
        path = RULES.replace(".", "/")
        raise ValueError(f"aimctheory/{path}.py was edited after Python started; start it anew")
    return numba_rules


@functools.cache
def driver(name: str) -> Any:
    """A compiled function of `kernel_text.DRIVERS`.  Raises as `entry` does."""
    _compiler()
    return getattr(load(driver_text()), name)
