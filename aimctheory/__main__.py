"""``python -m aimctheory`` is the command line."""

from aimctheory.command.cli import main

if __name__ == "__main__":
    main()
