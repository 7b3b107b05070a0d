"""The recorded step: a tree of operations, and its readings as text, as numbers and as formulas."""
