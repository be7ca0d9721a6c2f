"""The same expectations, without those on ages."""

from __future__ import annotations

import great_expectations.expectations as gxe

from include.use_case import Suite
from tests.customers_use_case.expectations import outcomes, visits
from tests.customers_use_case.grown.expectations import features

__all__ = ["customers", "features", "outcomes", "visits"]


def customers() -> Suite:
    """A customer has a plan."""
    return Suite(rows=(gxe.ExpectColumnValuesToNotBeNull(column="plan name"),), table=())
