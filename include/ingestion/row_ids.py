"""Identify quarantined rows by their day and content. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from include.declaration.period import Period

Row = tuple[Any, ...]


def correction_tuples(rows: pa.Table) -> list[Row]:
    """Return the rows as tuples of plain values."""
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True)) if rows.num_columns else []


def row_ids(periods: Sequence[Period], rows: pa.Table, reasons: Sequence[Sequence[str]]) -> list[str]:
    """Return a permanent id for each row: `<day>.<16 hex digits of its content>`.

    Further rows of the same content get the suffix `.2`, `.3`, …, in order of their reasons. `rows` have all columns
    that were ever stored. A null counts like a missing column, and a number like the same number of another type, so a
    new or widened column does not change an id.
    """
    repeats: Counter[str] = Counter()
    columns = rows.column_names
    names = [_row_id(period, columns, row) for period, row in zip(periods, correction_tuples(rows), strict=True)]
    ids = list(names)
    for place in sorted(range(len(names)), key=lambda place: list(reasons[place])):
        repeats[name := names[place]] += 1
        ids[place] = name if repeats[name] == 1 else f"{name}.{repeats[name]}"
    return ids


def _row_id(period: Period, columns: Sequence[str], row: Row) -> str:
    named = zip(columns, row, strict=True)
    text = json.dumps({name: _plain(value) for name, value in named if value is not None}, sort_keys=True)
    return f"{period.key}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value
