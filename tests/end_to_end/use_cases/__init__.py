"""Use cases for the end-to-end tests only."""
