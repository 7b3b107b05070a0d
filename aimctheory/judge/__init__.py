"""Claims and verdicts: what is stated, how it must compare, and what the evidence says."""
