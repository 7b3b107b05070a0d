"""The command line: finds claims and studies, runs them, prints and writes their results."""
