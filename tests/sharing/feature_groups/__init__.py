"""Feature groups of tests."""
