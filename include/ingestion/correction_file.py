"""Write quarantined rows as a CSV file to edit.

ingestion/correction_reader.py reads it back.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv

from include.ingestion.formula_marks import mark_formulas

ROW, REASONS = "quarantined_row", "reasons"
"""Columns of an export in addition to the feed's: the id that identifies a row when the file is sent back, and the
reasons for its quarantine, which are informational."""


def correction_csv(rows: pa.Table, ids: list[str], reasons: list[list[str]]) -> bytes:
    """Return ids, reasons and the feed's columns as CSV.

    A null is an empty field, an empty text is `""`. A text that a spreadsheet would run as a formula is marked;
    `read_corrections` removes the mark.
    """
    texts = pa.array(["; ".join(row_reasons) for row_reasons in reasons], pa.string())
    table = pa.table(
        {ROW: pa.array(ids, pa.string()), REASONS: texts, **dict(zip(rows.column_names, rows.columns, strict=True))}
    )
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(mark_formulas(table), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content
