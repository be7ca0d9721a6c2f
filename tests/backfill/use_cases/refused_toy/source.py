"""Rows of the toy use case, but for two days."""

from __future__ import annotations

import pyarrow as pa

from include.declaration.period import Period
from tests.backfill.use_cases.refused_toy import EMPTY
from tests.toy_use_case import source


def events(period: Period) -> pa.Table:
    """The events of `period`."""
    rows = source.events(period)
    return rows.slice(0, 0) if period in EMPTY else rows


def outcomes(period: Period) -> pa.Table:
    """The outcomes that became known on `period`."""
    return source.outcomes(period)
