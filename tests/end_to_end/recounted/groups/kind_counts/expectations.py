"""The expectations of `kind_quality`."""

from tests.sharing.feature_groups.kind_quality.expectations import inspections

__all__ = ["inspections"]
