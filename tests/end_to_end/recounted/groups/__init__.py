"""The groups of this test."""
