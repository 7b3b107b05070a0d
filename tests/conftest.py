"""What every test needs: kernels kept apart from the user's, no display, the same examples."""

import os
from pathlib import Path

from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Kept between runs of the tests: generated modules are named by their text, so never stale.
os.environ.setdefault("AIMCTHEORY_CACHE", str(ROOT / ".cache" / "tests"))
os.environ.setdefault("MPLBACKEND", "agg")

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("random", deadline=None, database=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))
