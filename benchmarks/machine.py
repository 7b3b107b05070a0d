"""What the numbers were measured on."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from aimctheory import __version__
from aimctheory.jobs import processors


def machine() -> dict[str, str]:
    """Processor, cores, system, and the versions that decide how fast things are."""
    packages = {name: version(name) for name in ("numpy", "numba", "llvmlite")}
    return {
        "processor": processor(),
        "cores": str(processors()),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **packages,
        "aimctheory": __version__,
    }


def processor() -> str:
    """The model of the processor, or its family where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [text.partition(":")[2].strip() for text in lines if text.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
