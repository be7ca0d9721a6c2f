"""The file in which rows leave the quarantine for an editor; how it is read is in ingestion/correction_reader.py."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv

from include.model.spreadsheet import mark_formulas

ROW, REASONS = "quarantined_row", "reasons"
"""Columns of an export besides the feed's: the id of each row, by which it is known when it comes back, and why it was
quarantined, which is only for reading."""


def correction_csv(rows: pa.Table, ids: list[str], reasons: list[list[str]]) -> bytes:
    """The feed's columns, behind ids and reasons, as CSV: a missing value is nothing, an empty text is `""`.

    A text that a spreadsheet would run as a formula has a mark, which `read` takes off again.
    """
    texts = pa.array(["; ".join(each) for each in reasons], pa.string())
    table = pa.table(
        {ROW: pa.array(ids, pa.string()), REASONS: texts, **dict(zip(rows.column_names, rows.columns, strict=True))}
    )
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(mark_formulas(table), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
