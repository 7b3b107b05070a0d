"""Times the simulator against NumPy and plain Numba code for the same runs."""
