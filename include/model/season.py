"""Carry the label of one season earlier next to the features, for the seasonal baseline."""

from __future__ import annotations

import pyarrow as pa

SEASON_AGO = "__airworthy_season_ago"
"""The column with the label of the same keys one season earlier; no feature has this name."""


def with_season(encoded: pa.Table, rows: pa.Table | pa.RecordBatch) -> pa.Table:
    """Return encoded rows with the column `SEASON_AGO`, if `rows` have it."""
    if SEASON_AGO not in rows.schema.names:
        return encoded
    return encoded.append_column(SEASON_AGO, rows[SEASON_AGO])
