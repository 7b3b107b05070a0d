"""The experiment: a problem is posed, recorded and run by an engine, and comes back as a run."""
