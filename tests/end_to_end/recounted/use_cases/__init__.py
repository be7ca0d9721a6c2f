"""The use cases of this test."""
