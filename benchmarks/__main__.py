"""``python -m benchmarks``: one core for linear algebra, then the command."""

import os


def start() -> None:
    """Set the environment, which NumPy reads when it is imported, and run the command."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    from benchmarks.command import main

    main()


if __name__ == "__main__":
    start()
