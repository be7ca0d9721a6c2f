"""Use cases of the tests of backfills."""
