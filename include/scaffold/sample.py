"""Read a sample, and find the types with which its columns can be declared."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from include.declaration.problems import DeclarationError, Problem

_DELIMITERS = ",;\t|"
_SNIFFED = 65_536
"""Bytes from which the delimiter is found."""


@dataclass(frozen=True)
class Column:
    """A column of the sample as it will be declared."""

    name: str
    kind: str
    """Declared type; `timestamp` for local times without a zone, which only the date column may have."""
    has_nulls: bool
    distinct: int


@dataclass(frozen=True)
class SampleTable:
    """A table of a database, and how its dialect writes names."""

    conn_id: str
    name: str
    dialect: str
    quoted: Mapping[str, str]
    """The table and its columns, as they are written in a query."""


@dataclass(frozen=True)
class Sample:
    """The rows of the sample, in declared types."""

    path: Path | None
    """The file; None if the rows are those of a table."""
    rows: pa.Table
    columns: Mapping[str, Column]
    left_out: Mapping[str, str]
    """Columns that cannot be declared, each with the reason."""
    delimiter: str = ","
    table: SampleTable | None = None

    @property
    def place(self) -> str:
        """Return the name of the file or the table."""
        return self.path.name if self.path else self.table.name if self.table else ""


def read_sample(path: Path) -> Sample:
    """Read a whole CSV or Parquet file.

    Raises:
        DeclarationError: it cannot be read, or has no rows.
    """
    delimiter = ","
    try:
        if path.suffix == ".csv":
            delimiter = _delimiter(path)
            options = pacsv.ConvertOptions(strings_can_be_null=True)
            rows = pacsv.read_csv(path, parse_options=pacsv.ParseOptions(delimiter=delimiter), convert_options=options)
        else:
            rows = pq.read_table(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DeclarationError([Problem("sample", f"{path} cannot be read: {error}")]) from error
    if not rows.num_rows:
        raise DeclarationError([Problem("sample", f"{path} has no rows.")])
    return typed_sample(path, rows, delimiter)


def _delimiter(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return csv.Sniffer().sniff(file.readline(_SNIFFED), _DELIMITERS).delimiter
        except csv.Error:  # a single column
            return ","


def typed_sample(path: Path | None, rows: pa.Table, delimiter: str = ",", table: SampleTable | None = None) -> Sample:
    """Return rows with the types with which their columns can be declared."""
    kept, columns, left_out = {}, {}, {}
    for name in rows.column_names:
        typed = _cast(rows[name])
        if typed is None:
            reason = "it has no value" if pa.types.is_null(rows[name].type) else f"its type is {rows[name].type}"
            left_out[name] = reason
            continue
        values, kind = typed
        kept[name] = values
        distinct = pc.count_distinct(values, mode="only_valid").as_py()
        columns[name] = Column(name, kind, bool(values.null_count), distinct)
    return Sample(path, pa.table(kept), columns, left_out, delimiter, table)


def _cast(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str] | None:
    """Return a column in the type with which it is declared, and that type.

    The result is None if there is no such type.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(kind.value_type), kind.value_type
    if pa.types.is_boolean(kind):
        return values, "bool"
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return values.cast(pa.int64()), "int64"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or kind == pa.uint64():
        numbers = values.cast(pa.float64())
        finite = pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
        return finite, "float64"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(pa.string()), "string"
    if pa.types.is_date(kind):
        return values.cast(pa.date32()), "date32"
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return values.cast(pa.timestamp("us")), "timestamp"
    return None
