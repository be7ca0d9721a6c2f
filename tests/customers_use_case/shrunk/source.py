"""The same source, without ages."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from tests.customers_use_case import source
from tests.customers_use_case.grown.source import outcomes, visits

__all__ = ["customers", "outcomes", "visits"]


def customers(day: date) -> pa.Table:
    """All customers as they are when `day` begins."""
    return source.customers(day).drop_columns(["âge"])
