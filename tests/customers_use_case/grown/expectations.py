"""The same expectations, and a feature that may be null: its column is new, so the first days have no history of it."""

from include.use_case import FeatureSuite
from tests.customers_use_case.expectations import customers, outcomes, visits

__all__ = ["customers", "features", "outcomes", "visits"]


def features() -> FeatureSuite:
    """Discounts are recorded from the day of the change on."""
    return FeatureSuite(may_be_null=("discounts",))
