"""Those of the toy."""

from tests.toy_use_case.features import build, labels

__all__ = ["build", "labels"]
