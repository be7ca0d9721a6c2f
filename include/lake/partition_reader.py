"""Read partition files with the declared columns, whatever they have.

Stored values change their type only here. A column that a file lacks is null; a column whose type was widened is cast
exactly; a value that the declared type cannot hold is an error.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
"""Bytes of a column to read ahead; without it, a whole row group or even the whole file is read ahead."""
_KINDS_OF_STRING = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


class TypeNarrowedError(AirworthyError):
    """A stored column cannot be read as the type that is declared now."""

    def __init__(self, table: str, column: str, stored: pa.DataType, declared: pa.DataType, file: str) -> None:
        self.table, self.column, self.stored, self.declared = table, column, str(stored), str(declared)
        use_case, _, name = table.partition("/")
        super().__init__(
            f"{use_case}: table {name}: column {column!r} is stored as {stored} in {file}, but declared as {declared},"
            f" which does not hold the same values. Nothing was read. Declare a type that does, or rebuild the table:"
            f" airworthy rebuild {use_case} {name} --from PERIOD."
        )


def open_file(path: str | Path) -> pq.ParquetFile:
    """Open a Parquet file for reading in batches with little memory."""
    return pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False)


@functools.lru_cache(maxsize=65_536)
def read_file_schema(path: str) -> pa.Schema:
    """Return the columns of a file as written.

    A file never changes, so it is read once.
    """
    return pq.read_schema(path).remove_metadata()


def require_readable(table: str, path: str, schema: pa.Schema) -> None:
    """Check that every declared column of the file can be read as declared.

    Raises:
        TypeNarrowedError: a column cannot be read as its declared type.
    """
    file_schema = read_file_schema(path)
    for field in schema:
        if field.name in file_schema.names and not _is_readable(path, field):
            raise TypeNarrowedError(table, field.name, file_schema.field(field.name).type, field.type, _name(path))


def _is_readable(path: str, field: pa.Field) -> bool:
    old, new = read_file_schema(path).field(field.name).type, field.type
    if is_same_type(old, new) or widens(alias_of(old), alias_of(new)):
        return True
    bound = exact_bound(alias_of(old), alias_of(new))
    return bound is not None and is_within(path, field.name, bound)


def read_table(table: str, paths: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Return all rows of the files, in the order of the files.

    Raises:
        TypeNarrowedError: a column cannot be read as its declared type.
    """
    parts = []
    for path in paths:
        require_readable(table, path, schema)
        names = [name for name in schema.names if name in read_file_schema(path).names]
        parts.append(_converted(pq.read_table(path, columns=names, partitioning=None), schema))
    return pa.concat_tables([*parts, schema.empty_table()])


def read_batches(table: str, path: str, schema: pa.Schema, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one file in batches, in stored order.

    Raises:
        TypeNarrowedError: a column cannot be read as its declared type.
    """
    require_readable(table, path, schema)
    stored_names = read_file_schema(path).names
    with open_file(path) as file:
        for batch in file.iter_batches(batch_rows, columns=[name for name in schema.names if name in stored_names]):
            yield from _converted(pa.Table.from_batches([batch]), schema).to_batches()


def read_rows(table: str, path: str, schema: pa.Schema, rows: range, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield rows of one file in batches, by their places in stored order.

    Row groups without such rows are not read.

    Raises:
        TypeNarrowedError: a column cannot be read as its declared type.
    """
    require_readable(table, path, schema)
    stored_names = read_file_schema(path).names
    with open_file(path) as file:
        groups, first = _row_groups(file.metadata, rows)
        names = [name for name in schema.names if name in stored_names]
        for batch in file.iter_batches(batch_rows, row_groups=groups, columns=names) if groups else ():
            begin = max(rows.start - first, 0)
            chosen = batch.slice(begin, max(rows.stop - first - begin, 0))
            first += batch.num_rows
            if chosen.num_rows:
                yield from _converted(pa.Table.from_batches([chosen]), schema).to_batches()


def _row_groups(metadata: pq.FileMetaData, rows: range) -> tuple[list[int], int]:
    """Return the row groups that hold these rows.

    With them, the place of the first row of the first group.
    """
    groups, first, place = list[int](), 0, 0
    for number in range(metadata.num_row_groups):
        end = place + metadata.row_group(number).num_rows
        if place < rows.stop and rows.start < end:
            first = first if groups else place
            groups.append(number)
        place = end
    return groups, first


def convert(file: str, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Convert the rows of a file to the declared columns.

    Raises:
        TypeNarrowedError: a column cannot be read as its declared type.
    """
    for field in schema:
        if field.name in rows.schema.names:
            old = rows.schema.field(field.name).type
            if not (is_same_type(old, field.type) or widens(alias_of(old), alias_of(field.type))):
                raise TypeNarrowedError(file, field.name, old, field.type, _name(file))
    return _converted(rows, schema)


def duckdb_table(
    connection: ibis.backends.duckdb.Backend, table: str, paths: Sequence[str], schema: pa.Schema, name: str
) -> ibis.Table:
    """Return an Ibis table on DuckDB of the rows of the files, read when executed.

    `name` is that of its views, and must not be in use on the connection.

    Raises:
        TypeNarrowedError: a column cannot be read as its declared type.
    """

    numbers = itertools.count()

    def read(files: Sequence[str], _: pa.Schema) -> ibis.Table:
        view = f"{name}_{next(numbers)}"
        return connection.read_parquet([escaped(file) for file in files], table_name=view, hive_partitioning=False)

    return typed_table(table, paths, schema, read)


def typed_table(
    table: str, paths: Sequence[str], schema: pa.Schema, read: Callable[[Sequence[str], pa.Schema], ibis.Table]
) -> ibis.Table:
    """Return an Ibis table of the rows of the files, with the declared columns.

    `read` returns the rows of files that all have the given columns, on any engine.

    Raises:
        TypeNarrowedError: a column cannot be read as its declared type.
    """
    import ibis

    groups: dict[pa.Schema, list[str]] = {}
    for path in paths:
        require_readable(table, path, schema)
        groups.setdefault(read_file_schema(path), []).append(path)
    kinds = ibis.Schema.from_pyarrow(schema)
    parts = []
    for file_schema, files in groups.items():
        rows = read(files, file_schema)
        columns = [
            (ibis.null() if field.name not in file_schema.names else rows[field.name]).cast(kinds[field.name])
            if field.name not in file_schema.names or not is_same_type(file_schema.field(field.name).type, field.type)
            else rows[field.name]
            for field in schema
        ]
        parts.append(rows.select([column.name(name) for name, column in zip(schema.names, columns, strict=True)]))
    return parts[0] if len(parts) == 1 else ibis.union(*parts, distinct=False)


def columns_of(paths: Iterable[str]) -> frozenset[str]:
    """Return the columns that all of the files have."""
    columns = [frozenset(read_file_schema(path).names) for path in paths]
    return frozenset.intersection(*columns) if columns else frozenset()


def readable_columns(path: str, schema: pa.Schema, names: Collection[str]) -> pa.Schema:
    """Return the columns of `names` that the file has in a readable type."""
    stored_names = read_file_schema(path).names
    return pa.schema(
        [field for field in schema if field.name in names and field.name in stored_names and _is_readable(path, field)]
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
    """Return whether all integers of a column lie from -bound to bound.

    The values are read only if the file's statistics do not prove it.
    """
    if name not in read_file_schema(path).names or not pa.types.is_integer(read_file_schema(path).field(name).type):
        return True
    metadata = pq.read_metadata(path)
    index = metadata.schema.names.index(name)
    groups = [metadata.row_group(n).column(index).statistics for n in range(metadata.num_row_groups)]
    if all(
        group is not None and (not group.has_min_max or -bound <= group.min <= group.max <= bound) for group in groups
    ):
        return True
    with open_file(path) as file:
        for batch in file.iter_batches(columns=[name]):
            limits = pc.min_max(batch.column(0)).as_py()
            if limits["min"] is not None and not -bound <= limits["min"] <= limits["max"] <= bound:
                return False
    return True


def is_same_type(old: pa.DataType, new: pa.DataType) -> bool:
    """Return whether the types are equal.

    All kinds of string in a file count as one type.
    """
    if old.equals(new) or (pa.types.is_list(old) and pa.types.is_list(new)):
        return True
    return any(kind(old) for kind in _KINDS_OF_STRING) and any(kind(new) for kind in _KINDS_OF_STRING)


def alias_of(kind: pa.DataType) -> str:
    """Return the declaration's name of a type."""
    names = {"double": "float64", "float": "float32", "date32[day]": "date32"}
    return names.get(str(kind), str(kind))


def escaped(path: str) -> str:
    """Return the path with characters escaped that DuckDB would read as a pattern."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)


def _name(path: str) -> str:
    return "/".join(Path(path).parts[-2:])
