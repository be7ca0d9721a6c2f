"""Two use cases that share a feature group."""
