"""Use cases that join the features of one group."""
