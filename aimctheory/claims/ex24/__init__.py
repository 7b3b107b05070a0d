"""EX24, arXiv 2406.12774v1: the linear response, and Tiki-Taka."""
