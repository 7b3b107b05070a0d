"""RF25, arXiv 2502.06309v3: general response functions."""
