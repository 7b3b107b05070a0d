"""``python -m benchmarks``: keep linear algebra to one core, then run the command."""

import os


def start() -> None:
    """Set the environment variables, which NumPy reads when it is imported, and run the command."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    from benchmarks.command import main

    main()


if __name__ == "__main__":
    start()
