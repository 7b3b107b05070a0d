"""What a person types: the command line, what it finds, runs, prints and writes."""
