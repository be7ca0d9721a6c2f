"""The same source, without ages."""

from __future__ import annotations

import pyarrow as pa

from include.use_case import Period
from tests.customers_use_case import source
from tests.customers_use_case.grown.source import outcomes, visits

__all__ = ["customers", "outcomes", "visits"]


def customers(period: Period) -> pa.Table:
    """All customers as they are when `period` begins."""
    return source.customers(period).drop_columns(["âge"])
