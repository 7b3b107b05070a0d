"""One file each: a published statement, the evidence held against it, and its mutants.

A module whose name begins with an underscore holds no claim: it states once what several claims of
one paper use.
"""
