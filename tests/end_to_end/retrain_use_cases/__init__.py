"""A use case for the end-to-end test of retraining only."""
