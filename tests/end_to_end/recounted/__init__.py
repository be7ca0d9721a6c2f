"""A group whose source changes its answer, and a use case that joins its features."""
