"""The same expectations."""

from tests.customers_use_case.expectations import customers, outcomes, visits

__all__ = ["customers", "outcomes", "visits"]
