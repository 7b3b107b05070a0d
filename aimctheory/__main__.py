"""``python -m aimctheory`` is the command line."""

from aimctheory.cli import main

if __name__ == "__main__":
    main()
