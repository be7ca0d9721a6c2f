"""Use cases with landing buckets, for the tests of landing only."""
