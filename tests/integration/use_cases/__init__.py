"""Use cases for the integration tests only."""
