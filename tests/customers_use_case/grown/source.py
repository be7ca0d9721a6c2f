"""The same source; from one day on, visits have a discount, and items have fractions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.use_case import Period
from tests.customers_use_case import source
from tests.customers_use_case.grown import CHANGED_ON
from tests.customers_use_case.source import customers, outcomes

__all__ = ["customers", "outcomes", "visits"]
FRACTION = 0.75


def visits(period: Period) -> pa.Table:
    """The visits that became known during the day before; no discounts and no fractions before the change."""
    rows = source.visits(period)
    is_new = period >= CHANGED_ON
    items = rows["items"].cast(pa.float64())
    more = pa.array(np.full(rows.num_rows, FRACTION if is_new else 0.0))
    cents = np.arange(rows.num_rows) % 50
    discount = pa.array(cents / 100, pa.float64(), mask=np.full(rows.num_rows, not is_new))
    place = rows.schema.get_field_index("items")
    return rows.set_column(place, "items", pc.add(items, more)).append_column("discount", discount)
