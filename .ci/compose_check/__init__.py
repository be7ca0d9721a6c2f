"""`make compose-check`: docker-compose.yaml on a real engine, from the first start to a restored backup.

Only the standard library, so that it needs neither `make setup` nor an environment of its own.
"""
