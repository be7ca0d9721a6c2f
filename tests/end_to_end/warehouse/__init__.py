"""The use case of test_database.py."""
