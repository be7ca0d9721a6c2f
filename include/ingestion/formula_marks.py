"""Mark CSV cells that a spreadsheet would run, and remove the marks.

A mark is one apostrophe at the start, by which spreadsheets recognise text; they keep it when they save CSV. Removing
the marks restores every text, even one that begins with an apostrophe itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc

MARK = "'"
_FORMULA = r"[\s\x00-\x1f\x{feff}]*[=+\-@＝＋－＠|%]"  # a spreadsheet accepts the full-width forms too
"""The start of a formula, or of a command in old spreadsheets; leading blanks are skipped."""
_MARKED = rf"\A(?:{_FORMULA}|[\t\r\n]|{MARK})"
"""Texts to be marked: formulas, and texts that begin with the mark."""


def mark_formulas(table: pa.Table) -> pa.Table:
    """Return the table with a mark before each text that is run as a formula.

    A spreadsheet would run it.
    """
    return _change_columns(table, table.column_names, lambda texts: _replace_matches(texts, _MARKED, _with_mark(texts)))


def unmark_formulas(table: pa.Table, columns: Iterable[str]) -> pa.Table:
    """Remove the marks of `mark_formulas` from these columns.

    Other texts are unchanged.
    """
    return _change_columns(
        table,
        columns,
        lambda texts: _replace_matches(texts, rf"\A{MARK}{_MARKED[2:]}", pc.utf8_slice_codeunits(texts, 1)),
    )


def _change_columns(
    table: pa.Table, columns: Iterable[str], change: Callable[[pa.ChunkedArray], pa.ChunkedArray]
) -> pa.Table:
    for name in columns:
        index = table.schema.get_field_index(name)
        if index >= 0 and pa.types.is_string(table.schema.field(index).type):
            table = table.set_column(index, table.schema.field(index), change(table.column(index)))
    return table


def _with_mark(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(pa.scalar(MARK), texts, pa.scalar(""))


def _replace_matches(texts: pa.ChunkedArray, pattern: str, replacements: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts with those that match replaced; a null stays null."""
    return pc.if_else(pc.match_substring_regex(texts, pattern), replacements, texts)
