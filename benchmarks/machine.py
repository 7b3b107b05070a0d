"""Describes the machine that the timings were made on."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from aimctheory import __version__
from aimctheory.simulator.kernel_engine import processors


def machine() -> dict[str, str]:
    """Processor, cores, caches, system, and the versions that the timings depend on."""
    packages = {name: version(name) for name in ("numpy", "numba", "llvmlite")}
    return {
        "processor": processor(),
        "cores": str(processors()),
        **{f"L{level} cache": f"{size // 1024} KiB" for level, size in caches().items()},
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **packages,
        "aimctheory": __version__,
    }


def processor() -> str:
    """The model of the processor; its family if the system does not tell the model."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [text.partition(":")[2].strip() for text in lines if text.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def caches() -> dict[int, int]:
    """Bytes of each data cache of the first processor by level; {} if the system does not tell."""
    found = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind, level, size = (
                (folder / name).read_text().strip() for name in ("type", "level", "size")
            )
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K"):
            found[int(level)] = int(size[:-1]) * 1024
    return found
