"""The features of `kind_quality`."""

from tests.sharing.feature_groups.kind_quality.features import build

__all__ = ["build"]
