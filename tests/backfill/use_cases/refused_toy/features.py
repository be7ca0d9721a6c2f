"""Features of the toy use case."""

from tests.toy_use_case.features import build, labels

__all__ = ["build", "labels"]
