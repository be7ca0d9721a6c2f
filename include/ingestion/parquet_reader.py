"""Read Parquet files of others a batch at a time, with exactly the declared columns and types.

What the footer states is held against the limits before anything is decoded, and nothing that it states is relied on:
rows are counted as they come, and texts are measured by their dictionary before they are unpacked. Statistics are never
read. The functions run in the process for untrusted content (`include.untrusted`).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.errors import NAMES_SHOWN, TEXT_SHOWN, shorten
from include.ingestion.file_readers import COLUMNS, Budget, require_columns
from include.untrusted import UntrustedContentError

FOOTER_BYTES = 32 << 20
"""Of a file's description of itself."""
COLUMN_CHUNKS = 200_000
"""Columns times row groups."""
ROW_GROUPS = 10_000
"""Each takes milliseconds, however few rows it has."""
ROW_GROUP_BYTES = 8 << 30
"""Uncompressed, as the footer states; columns of a row group are read side by side."""
BATCH_ROWS, BATCH_BYTES, LEAST_ROWS = 8_192, 16 << 20, 16
"""Rows that are decoded at once, or fewer where they have more bytes by the footer; Arrow takes several times that."""
PIECE_BYTES = 64 << 20
"""Rows with dictionaries are unpacked in pieces of about this size."""
BUFFER_BYTES = 1 << 20
"""Of a column that is read, so much is in memory."""
LONGEST_TYPE = 100
"""Characters of a type in an error; that of a nested column names all its parts."""
_MARK, _TAIL = b"PAR1", 8


def read_parquet(
    path: Path, schema: pa.Schema, budget: Budget, ignored: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a Parquet file, in its order, with the columns of `schema` in theirs.

    The file may have the columns `ignored` too, which are not decoded.

    Raises:
        UntrustedContentError: the file is damaged, has other columns or types, states more than the limits or than the
            budget leaves, or holds more than that; at the latest after the last batch.
    """
    _require_footer(path)
    metadata = pq.read_metadata(path)
    stated = _require_bounds(metadata, path.stat().st_size, budget)
    names = metadata.schema.to_arrow_schema().names
    require_columns(names, schema, ignored)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    with_dictionary = [name for name in texts if name in stated.with_dictionary]
    with _opened(path, metadata, with_dictionary) as file:
        _require_types(file.schema_arrow, schema)
        long_texts = _with_long_texts(file, with_dictionary)
    with _opened(path, metadata, long_texts) as file:
        rows = 0
        for batch in file.iter_batches(batch_size=_batch_rows(stated), columns=schema.names):
            rows += batch.num_rows
            yield from _unpacked(batch, schema, texts, budget)
        if rows != metadata.num_rows:
            raise UntrustedContentError(f"it announces {metadata.num_rows:,} rows and holds {rows:,}")


def read_column_names(path: Path) -> list[str]:
    """Return the names of the columns of a Parquet file.

    Raises:
        UntrustedContentError: its footer is too large.
    """
    _require_footer(path)
    names: list[str] = pq.read_schema(path).names
    return names


def _require_footer(path: Path) -> None:
    """Check the length of the footer before it is parsed; what is no Parquet file is left to the library."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        tail = file.read(_TAIL)
    stated = int.from_bytes(tail[:4], "little")
    if tail[4:] == _MARK and FOOTER_BYTES < stated <= size:
        raise UntrustedContentError(
            f"its footer has {stated:,} bytes, more than {FOOTER_BYTES:,}; write fewer row groups or columns"
        )


@dataclass
class _Stated:
    """What a footer states of the row groups."""

    rows: list[int]
    unpacked: list[int]
    """Bytes of each, uncompressed."""
    stored: int
    """Bytes of all, as they are in the file."""
    with_dictionary: set[str]
    """Columns that are stored with a dictionary in any of them."""


def _require_bounds(metadata: pq.FileMetaData, size: int, budget: Budget) -> _Stated:
    """Check what the footer states: columns, row groups, rows, and bytes as they are in the file and uncompressed."""
    columns, groups, rows = metadata.num_columns, metadata.num_row_groups, metadata.num_rows
    if columns > COLUMNS:
        raise UntrustedContentError(f"it has {columns:,} columns, more than {COLUMNS:,}")
    if groups > ROW_GROUPS or columns * groups > COLUMN_CHUNKS:
        raise UntrustedContentError(
            f"it has {groups:,} row groups of {columns:,} columns; at most {ROW_GROUPS:,} are read, with"
            f" {COLUMN_CHUNKS:,} columns in all. Write larger row groups"
        )
    stated = _stated(metadata)
    if min([rows, *stated.unpacked, *stated.rows]) < 0:
        raise UntrustedContentError("its footer states a negative number of rows or bytes")
    if sum(stated.rows) != rows:
        raise UntrustedContentError(f"its footer states {rows:,} rows, and {sum(stated.rows):,} in its row groups")
    if stated.stored > size:
        raise UntrustedContentError(f"its footer states {stated.stored:,} bytes of columns, and the file has {size:,}")
    if (largest := max(stated.unpacked, default=0)) > ROW_GROUP_BYTES:
        raise UntrustedContentError(
            f"a row group has {largest:,} bytes uncompressed, more than {ROW_GROUP_BYTES:,}; write smaller row groups"
        )
    budget.require_bytes(sum(stated.unpacked))
    budget.require_rows(rows)
    return stated


def _stated(metadata: pq.FileMetaData) -> _Stated:
    found = _Stated([], [], 0, set())
    for group in (metadata.row_group(place) for place in range(metadata.num_row_groups)):
        chunks = [group.column(place) for place in range(group.num_columns)]
        found.rows.append(group.num_rows)
        found.unpacked.append(max(group.total_byte_size, sum(chunk.total_uncompressed_size for chunk in chunks)))
        found.stored += sum(chunk.total_compressed_size for chunk in chunks)
        found.with_dictionary |= {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page}
    return found


def _opened(path: Path, metadata: pq.FileMetaData, read_dictionary: list[str]) -> pq.ParquetFile:
    # With `pre_buffer`, all of a row group would be in memory.
    return pq.ParquetFile(
        path, metadata=metadata, read_dictionary=read_dictionary, pre_buffer=False, buffer_size=BUFFER_BYTES
    )


def _with_long_texts(file: pq.ParquetFile, names: list[str]) -> list[str]:
    """Return those of the columns whose dictionary has a text so long that a batch of it would be large.

    A file of a few bytes may repeat a text of its dictionary a million times: such columns are read as dictionary and
    places in it, which is measured before it is unpacked. Others are read as plain texts, which is faster. The first
    row of each row group shows its dictionary; one that comes behind plain values is left to the limit of memory.
    """
    found = set[str]()
    for group in range(file.metadata.num_row_groups if names else 0):
        first_rows = file.iter_batches(batch_size=1, row_groups=[group], columns=names, use_threads=False)
        for batch in itertools.islice(first_rows, 1):
            found |= {name for name in names if _longest(batch.column(name)) * BATCH_ROWS > PIECE_BYTES}
    return sorted(found)


def _longest(column: pa.Array) -> int:
    """Return the bytes of the longest text of a column, or of its dictionary."""
    texts = column.dictionary if pa.types.is_dictionary(column.type) else _layout(column)
    return pc.max(pc.binary_length(_layout(texts))).as_py() or 0


def _batch_rows(stated: _Stated) -> int:
    return max(LEAST_ROWS, min(BATCH_ROWS, BATCH_BYTES * sum(stated.rows) // max(sum(stated.unpacked), 1)))


def _require_types(there: pa.Schema, schema: pa.Schema) -> None:
    found = dict(zip(there.names, there.types, strict=True))
    wrong = [
        f"{field.name} is {shorten(str(found[field.name]), LONGEST_TYPE)}, declared {field.type}"
        for field in schema
        if not _is_same(found[field.name], field.type)
    ]
    if wrong:
        raise UntrustedContentError(f"it has wrong types: {shorten('; '.join(wrong[:NAMES_SHOWN]), TEXT_SHOWN)}")


def _is_same(there: pa.DataType, declared: pa.DataType) -> bool:
    """Whether it is that type; text may be stored in any of Arrow's ways, which differ in layout alone."""
    plain = there.value_type if pa.types.is_dictionary(there) else there
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return bool(plain == declared or (pa.types.is_string(declared) and any(is_text(plain) for is_text in text)))


def _unpacked(batch: pa.RecordBatch, schema: pa.Schema, texts: list[str], budget: Budget) -> Iterator[pa.RecordBatch]:
    """Return the rows in the declared types, in pieces, after their size was counted.

    `schema` has no field that must not be null, and a writer's own metadata is left behind.
    """
    columns = [_layout(batch.column(name)) if name in texts else batch.column(name) for name in schema.names]
    measured = [column for column, field in zip(columns, schema, strict=True) if field.name in texts]
    length = budget.take_rows(measured, batch.num_rows)
    fixed = sum(column.nbytes for column, name in zip(columns, schema.names, strict=True) if name not in texts)
    budget.take_bytes(length + fixed)
    pieces = max(1, length // PIECE_BYTES)
    step = max(1, -(-batch.num_rows // pieces))
    for start in range(0, batch.num_rows, step):
        parts = [column.slice(start, step) for column in columns]
        yield pa.record_batch([part.cast(field.type) for part, field in zip(parts, schema, strict=True)], schema=schema)


def _layout(column: pa.Array) -> pa.Array:
    """Return a column of text in a layout whose lengths Arrow can tell."""
    return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column
