"""Use cases whose pages the tests look at."""
