"""Read delivered Parquet files a batch at a time, with exactly the declared types.

The footer is checked against the limits before anything is decoded, but not trusted: rows are counted as they are read,
and texts are measured by their dictionary before they are decoded. Statistics are never read. The functions run in the
process for untrusted content (`include.untrusted`).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.ingestion.file_errors import FileLimitError, FileTypesError, FooterError
from include.ingestion.file_readers import COLUMNS, require_columns
from include.ingestion.read_budget import Budget

FOOTER_BYTES = 32 << 20
"""Largest footer of a file."""
COLUMN_CHUNKS = 200_000
"""Columns times row groups."""
ROW_GROUPS = 10_000
"""A row group takes milliseconds, even with few rows."""
ROW_GROUP_BYTES = 8 << 30
"""Uncompressed, by the footer; the columns of a row group are read in parallel."""
BATCH_ROWS, BATCH_BYTES, LEAST_ROWS = 8_192, 16 << 20, 16
"""Rows decoded at once, fewer if the footer gives more bytes; Arrow uses several times that memory."""
PIECE_BYTES = 64 << 20
"""Rows with dictionaries are decoded in pieces of about this size."""
BUFFER_BYTES = 1 << 20
"""Bytes in memory of each column that is read."""
_MARK, _TAIL = b"PAR1", 8


def read_parquet(
    path: Path, schema: pa.Schema, budget: Budget, ignored: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a Parquet file in its order.

    Batches have the columns in the order of `schema`. The file may also have the columns `ignored`, which are not
    decoded.

    Raises:
        UntrustedContentError: the file is damaged, has other columns or types, or states or holds more than the limits
            or the budget allow; raised at the latest after the last batch.
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
            raise FooterError("rows", metadata.num_rows, rows)


def read_column_names(path: Path) -> list[str]:
    """Return the names of the columns of a Parquet file.

    Raises:
        UntrustedContentError: its footer is too large.
    """
    _require_footer(path)
    names: list[str] = pq.read_schema(path).names
    return names


def _require_footer(path: Path) -> None:
    """Check the length of the footer before it is parsed.

    The library refuses files of other formats.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        tail = file.read(_TAIL)
    stated = int.from_bytes(tail[:4], "little")
    if tail[4:] == _MARK and FOOTER_BYTES < stated <= size:
        raise FileLimitError("footer bytes", FOOTER_BYTES, stated)


@dataclass
class _Stated:
    """What a footer states about the row groups."""

    rows: list[int]
    unpacked: list[int]
    """Uncompressed bytes of each row group."""
    stored: int
    """Bytes of all row groups, as stored."""
    with_dictionary: set[str]
    """Columns that have a dictionary in any row group."""


def _require_bounds(metadata: pq.FileMetaData, size: int, budget: Budget) -> _Stated:
    """Check the columns, row groups, rows and bytes that the footer states.

    Bytes are both stored and uncompressed ones.
    """
    columns, groups, rows = metadata.num_columns, metadata.num_row_groups, metadata.num_rows
    if columns > COLUMNS:
        raise FileLimitError("columns", COLUMNS, columns)
    if groups > ROW_GROUPS:
        raise FileLimitError("row groups", ROW_GROUPS, groups)
    if columns * groups > COLUMN_CHUNKS:
        raise FileLimitError("column chunks", COLUMN_CHUNKS, columns * groups)
    stated = _stated(metadata)
    if (least := min([rows, *stated.unpacked, *stated.rows])) < 0:
        raise FooterError("negative", least, 0)
    if sum(stated.rows) != rows:
        raise FooterError("rows", rows, sum(stated.rows))
    if stated.stored > size:
        raise FooterError("bytes", stated.stored, size)
    if (largest := max(stated.unpacked, default=0)) > ROW_GROUP_BYTES:
        raise FileLimitError("row group bytes", ROW_GROUP_BYTES, largest)
    budget.require_bytes(sum(stated.unpacked))
    budget.require_rows(rows)
    return stated


def _stated(metadata: pq.FileMetaData) -> _Stated:
    stated = _Stated([], [], 0, set())
    for group in (metadata.row_group(place) for place in range(metadata.num_row_groups)):
        chunks = [group.column(place) for place in range(group.num_columns)]
        stated.rows.append(group.num_rows)
        stated.unpacked.append(max(group.total_byte_size, sum(chunk.total_uncompressed_size for chunk in chunks)))
        stated.stored += sum(chunk.total_compressed_size for chunk in chunks)
        stated.with_dictionary |= {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page}
    return stated


def _opened(path: Path, metadata: pq.FileMetaData, read_dictionary: list[str]) -> pq.ParquetFile:
    # `pre_buffer` would load a whole row group into memory.
    return pq.ParquetFile(
        path, metadata=metadata, read_dictionary=read_dictionary, pre_buffer=False, buffer_size=BUFFER_BYTES
    )


def _with_long_texts(file: pq.ParquetFile, names: list[str]) -> list[str]:
    """Return the columns whose dictionary has a very long text.

    Decoded, a batch of such a column would be too large. A small file can repeat a text of its dictionary a million
    times, so these columns are read as dictionary and indices and measured before they are decoded. Other columns are
    read as plain texts, which is faster. The first row of each row group shows its dictionary; if plain values precede
    the dictionary, only the memory limit applies.
    """
    long_texts = set[str]()
    for group in range(file.metadata.num_row_groups if names else 0):
        first_rows = file.iter_batches(batch_size=1, row_groups=[group], columns=names, use_threads=False)
        for batch in itertools.islice(first_rows, 1):
            long_texts |= {name for name in names if _longest(batch.column(name)) * BATCH_ROWS > PIECE_BYTES}
    return sorted(long_texts)


def _longest(column: pa.Array) -> int:
    """Return the bytes of the longest text of a column or its dictionary."""
    texts = column.dictionary if pa.types.is_dictionary(column.type) else _layout(column)
    return pc.max(pc.binary_length(_layout(texts))).as_py() or 0


def _batch_rows(stated: _Stated) -> int:
    return max(LEAST_ROWS, min(BATCH_ROWS, BATCH_BYTES * sum(stated.rows) // max(sum(stated.unpacked), 1)))


def _require_types(actual: pa.Schema, schema: pa.Schema) -> None:
    types = dict(zip(actual.names, actual.types, strict=True))
    wrong = {
        field.name: (str(types[field.name]), str(field.type))
        for field in schema
        if not _is_same(types[field.name], field.type)
    }
    if wrong:
        raise FileTypesError(wrong)


def _is_same(actual: pa.DataType, declared: pa.DataType) -> bool:
    """Return whether the types are the same.

    Arrow's text types differ only in layout and count as one.
    """
    plain = actual.value_type if pa.types.is_dictionary(actual) else actual
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return bool(plain == declared or (pa.types.is_string(declared) and any(is_text(plain) for is_text in text)))


def _unpacked(batch: pa.RecordBatch, schema: pa.Schema, texts: list[str], budget: Budget) -> Iterator[pa.RecordBatch]:
    """Count the size of the rows, then yield them in the declared types, in pieces.

    Nullability and metadata of the file are dropped: all fields of `schema` are nullable.
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
    """Return a column of text in a layout whose lengths Arrow can compute."""
    return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column
