"""Attacks and bounded fuzzers: `make security` runs them with ten times the examples of `make test`."""
