"""Use cases of test_day.py."""
