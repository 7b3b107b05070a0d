"""What every test needs: kernels of its own, no display, Ctrl-C heard, the same examples."""

import os
import signal
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Kept between runs of the tests: generated modules are named by their text, so never stale.
os.environ.setdefault("AIMCTHEORY_CACHE", str(ROOT / ".cache" / "tests"))
os.environ.setdefault("MPLBACKEND", "agg")

# A shell without job control starts what it puts in the background deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("random", deadline=None, database=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
