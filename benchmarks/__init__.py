"""How fast the simulator is, against what a good NumPy or Numba programmer would write."""
