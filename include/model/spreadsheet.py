"""Mark the cells of a CSV file that a spreadsheet would run as a formula, and take the marks off again.

A mark is one apostrophe at the start, by which spreadsheets know a text; they keep it when they save CSV. Every text
comes back as it was, also one that begins with an apostrophe itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc

MARK = "'"
_RUNS = r"[\s\x00-\x1f\x{feff}]*[=+\-@＝＋－＠|%]"  # a spreadsheet reads the wide forms too
"""What may begin a formula, or a command of an old spreadsheet; blanks before it are skipped."""
_MARKED = rf"\A(?:{_RUNS}|[\t\r\n]|{MARK})"
"""Texts that get a mark: formulas, and texts that begin with the mark."""


def mark_formulas(table: pa.Table) -> pa.Table:
    """Return the table with a mark before each text that a spreadsheet would run."""
    return _replaced(table, table.column_names, lambda texts: _where(texts, _MARKED, _with_mark(texts)))


def unmark_formulas(table: pa.Table, columns: Iterable[str]) -> pa.Table:
    """Return the table as it was before `mark_formulas`; other texts of these columns stay as they are."""
    return _replaced(
        table, columns, lambda texts: _where(texts, rf"\A{MARK}{_MARKED[2:]}", pc.utf8_slice_codeunits(texts, 1))
    )


def _replaced(
    table: pa.Table, columns: Iterable[str], change: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> pa.Table:
    for name in columns:
        place = table.schema.get_field_index(name)
        if place >= 0 and pa.types.is_string(table.schema.field(place).type):
            table = table.set_column(place, table.schema.field(place), change(table.column(place)))
    return table


def _with_mark(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(pa.scalar(MARK), texts, pa.scalar(""))


def _where(texts: pa.ChunkedArray, pattern: str, instead: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts, and `instead` where they match; a missing text stays missing."""
    return pc.if_else(pc.match_substring_regex(texts, pattern), instead, texts)
