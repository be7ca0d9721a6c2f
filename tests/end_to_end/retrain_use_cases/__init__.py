"""A use case that only the end-to-end test of retraining knows."""
