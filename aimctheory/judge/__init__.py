"""Claims and verdicts: statements, how their sides must compare, the evidence and the rules."""
