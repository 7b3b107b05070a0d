"""One file each: a published statement, the evidence held against it, and its mutants."""
