"""Read partition files with the columns that are declared now, whatever columns they were written with.

The only place where stored values change their type. A column that a file lacks is null; one whose type was widened is
cast, exactly; one that holds a value the declared type cannot hold is an error.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.declaration.column_types import exact_bound, widens
from include.errors import AirworthyError

if TYPE_CHECKING:
    import ibis

_BUFFER = 1 << 20
"""Bytes of a column that are read ahead; otherwise its whole part of a row group is, or even the whole file."""
_KINDS_OF_STRING = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


class TypeNarrowedError(AirworthyError):
    """A stored column cannot be read as the type that is declared now."""

    def __init__(self, table: str, column: str, stored: pa.DataType, declared: pa.DataType, file: str) -> None:
        self.table, self.column, self.stored, self.declared = table, column, str(stored), str(declared)
        use_case, _, name = table.partition("/")
        super().__init__(
            f"{use_case}: table {name}: column {column!r} is stored as {stored} in {file}, and declared {declared} now,"
            f" which does not hold the same values. Nothing was read. Declare a type that does, or rebuild the table:"
            f" airworthy rebuild {use_case} {name} --from PERIOD."
        )


def open_file(path: str | Path) -> pq.ParquetFile:
    """Open a Parquet file to be read a batch at a time in little memory."""
    return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)


@functools.lru_cache(maxsize=65_536)
def stored_schema(path: str) -> pa.Schema:
    """Return the columns that a file was written with. A file never changes, so it is read once."""
    return pq.read_schema(path).remove_metadata()


def require_readable(table: str, path: str, schema: pa.Schema) -> None:
    """Raise TypeNarrowedError unless every declared column that the file has can be read as declared."""
    there = stored_schema(path)
    for field in schema:
        if field.name in there.names and not _is_readable(path, field):
            raise TypeNarrowedError(table, field.name, there.field(field.name).type, field.type, _name(path))


def _is_readable(path: str, field: pa.Field) -> bool:
    old, new = stored_schema(path).field(field.name).type, field.type
    if is_same_type(old, new) or widens(alias_of(old), alias_of(new)):
        return True
    bound = exact_bound(alias_of(old), alias_of(new))
    return bound is not None and is_within(path, field.name, bound)


def read_table(table: str, paths: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Read the rows of the files whole, in the order of the files."""
    parts = []
    for path in paths:
        require_readable(table, path, schema)
        names = [name for name in schema.names if name in stored_schema(path).names]
        parts.append(_converted(pq.read_table(path, columns=names, partitioning=None), schema))
    return pa.concat_tables([*parts, schema.empty_table()])


def read_batches(table: str, path: str, schema: pa.Schema, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Read the rows of one file a batch at a time, in the order that they have there."""
    require_readable(table, path, schema)
    there = stored_schema(path).names
    with open_file(path) as file:
        for batch in file.iter_batches(batch_rows, columns=[name for name in schema.names if name in there]):
            yield from _converted(pa.Table.from_batches([batch]), schema).to_batches()


def convert(file: str, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows that were read whole from a file with the declared columns."""
    for field in schema:
        if field.name in rows.schema.names:
            old = rows.schema.field(field.name).type
            if not (is_same_type(old, field.type) or widens(alias_of(old), alias_of(field.type))):
                raise TypeNarrowedError(file, field.name, old, field.type, _name(file))
    return _converted(rows, schema)


def duckdb_table(
    connection: ibis.backends.duckdb.Backend, table: str, paths: Sequence[str], schema: pa.Schema
) -> ibis.Table:
    """Return the rows of the files as an Ibis table on DuckDB, read when it is executed."""
    import ibis

    groups: dict[pa.Schema, list[str]] = {}
    for path in paths:
        require_readable(table, path, schema)
        groups.setdefault(stored_schema(path), []).append(path)
    kinds = ibis.Schema.from_pyarrow(schema)
    parts = []
    for there, files in groups.items():
        rows = connection.read_parquet([escaped(file) for file in files], hive_partitioning=False)
        columns = [
            (ibis.null() if field.name not in there.names else rows[field.name]).cast(kinds[field.name])
            if field.name not in there.names or not is_same_type(there.field(field.name).type, field.type)
            else rows[field.name]
            for field in schema
        ]
        parts.append(rows.select([column.name(name) for name, column in zip(schema.names, columns, strict=True)]))
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)


def columns_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the columns that all of the files have."""
    found = [frozenset(stored_schema(path).names) for path in paths]
    return frozenset.intersection(*found) if found else frozenset()


def readable_columns(path: str, schema: pa.Schema, names: Collection[str]) -> pa.Schema:
    """Return those of the named declared columns that the file has, in a type that can be read as declared."""
    there = stored_schema(path).names
    return pa.schema(
        [field for field in schema if field.name in names and field.name in there and _is_readable(path, field)]
    )


def _converted(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        if field.name in rows.column_names:
            column = rows[field.name]
            columns.append(column if column.type == field.type else column.cast(field.type))
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.table(columns, schema=schema)


def is_within(path: str, name: str, bound: int) -> bool:
    """Return whether a file has no integer beyond -bound to bound in a column: by its statistics where they say so,
    else by its values."""
    if name not in stored_schema(path).names or not pa.types.is_integer(stored_schema(path).field(name).type):
        return True
    metadata = pq.read_metadata(path)
    place = metadata.schema.names.index(name)
    groups = [metadata.row_group(n).column(place).statistics for n in range(metadata.num_row_groups)]
    if all(each is not None and (not each.has_min_max or -bound <= each.min <= each.max <= bound) for each in groups):
        return True
    with open_file(path) as file:
        for batch in file.iter_batches(columns=[name]):
            found = pc.min_max(batch.column(0)).as_py()
            if found["min"] is not None and not -bound <= found["min"] <= found["max"] <= bound:
                return False
    return True


def is_same_type(old: pa.DataType, new: pa.DataType) -> bool:
    """Return whether they are one type; a file may know several kinds of string, which are."""
    if old.equals(new) or (pa.types.is_list(old) and pa.types.is_list(new)):
        return True
    return any(kind(old) for kind in _KINDS_OF_STRING) and any(kind(new) for kind in _KINDS_OF_STRING)


def alias_of(kind: pa.DataType) -> str:
    """Return the name that the declaration has for a type."""
    names = {"double": "float64", "float": "float32", "date32[day]": "date32"}
    return names.get(str(kind), str(kind))


def escaped(path: str) -> str:
    """Return a path that DuckDB does not take for a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def _name(path: str) -> str:
    return "/".join(Path(path).parts[-2:])
