"""Descriptions of responses, algorithms and kernels for readers.

A description draws on theory and simulator alike.  Every function takes an object and returns text,
so that a notebook can print what ``aimctheory show`` prints.
"""
