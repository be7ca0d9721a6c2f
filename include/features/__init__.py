"""Materialise features and labels."""
