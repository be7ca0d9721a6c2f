"""Measure a use case's data, predictions and champion day by day, against limits."""
