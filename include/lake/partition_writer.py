"""Write the rows of a partition to a Parquet file in constant memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake import schemas
from include.lake.content_digest import ContentDigest
from include.lake.sorting import is_sorted
from include.lake.storable_values import SoundnessCheck, UnsoundValue

ROW_GROUP_ROWS = 131_072
ROW_GROUP_BYTES = 256 << 20
"""Size in memory; rows of up to 2 kB reach `ROW_GROUP_ROWS` first."""


class RowsUnsortedError(AirworthyError):
    """A stream of rows is not in the order of the table's keys."""

    def __init__(self, table: str, period: Period, keys: Sequence[str]) -> None:
        self.table, self.period, self.keys = table, period, tuple(keys)
        super().__init__(
            f"{table} of {period} was not streamed in the order of {list(keys)}, ascending, nulls last. Nothing was"
            " written. Sort the stream where it is created."
        )


@dataclass(frozen=True)
class PartitionFile:
    """A written but uncommitted file of a partition."""

    path: Path
    content: ContentDigest
    sha256: str
    """Of the file's bytes."""
    size: int
    ascending: bool
    """Whether the rows were in key order."""
    unsound: Sequence[UnsoundValue]
    """The first value of each column that cannot be stored."""


def write_partition_file(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    keys: Sequence[str],
    period: Period,
    row_keys: Sequence[str],
    metadata: Callable[[], Mapping[str, str]] = dict,
    *,
    personal: Collection[str] = (),
) -> PartitionFile:
    """Write the batches of this schema to the new file `path`, and flush it.

    `keys` are the columns by which the rows must be sorted, `row_keys` those that identify a row in messages,
    where the values of `personal` columns are masked.
    `metadata` returns what the file says of itself, when all rows were read.
    """
    column = schemas.period_field(period.unit)  # in the file itself, so that no reader takes it from folder names
    content, order, soundness = ContentDigest(schema), _OrderCheck(keys), SoundnessCheck(row_keys, personal)
    with path.open("xb") as file:
        sink = _HashingSink(file)
        stored = schema.append(column)
        with pq.ParquetWriter(sink, stored, compression="snappy", **_encodings(stored)) as writer:
            for rows in _row_groups(schema, _check_batches(batches, content, order, soundness)):
                writer.write_table(
                    rows.append_column(column, pa.repeat(pa.scalar(period.start, column.type), rows.num_rows))
                )
            writer.add_key_value_metadata(dict(metadata()))
        file.flush()
        os.fsync(file.fileno())
    size = path.stat().st_size
    return PartitionFile(path, content, sink.hash.hexdigest(), size, order.ascending, soundness.unsound_values)


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Return how columns are encoded, for Arrow's writer.

    Whole numbers, dates and times are stored as differences, texts by a dictionary. By default Arrow tries a
    dictionary for every column and gives up when it is large: that takes three times as long, and the files are twice
    as large.
    """
    counted = [
        field.name
        for field in schema
        if pa.types.is_integer(field.type) or pa.types.is_date32(field.type) or pa.types.is_timestamp(field.type)
    ]
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    listed = [f"{field.name}.list.element" for field in schema if pa.types.is_list(field.type)]
    return {
        "column_encoding": dict.fromkeys(counted, "DELTA_BINARY_PACKED"),
        "use_dictionary": [*texts, *listed] or False,
    }


def _check_batches(
    batches: Iterable[pa.RecordBatch], content: ContentDigest, order: _OrderCheck, soundness: SoundnessCheck
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        content.update(batch)
        soundness.update(batch)
        if not soundness.unsound_values:  # unsound values may have no order
            order.update(batch)
        yield batch


def _row_groups(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables of `ROW_GROUP_ROWS` rows, or fewer.

    They do not exceed `ROW_GROUP_BYTES`.
    """
    pending: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        pending.append(batch)
        count, size = count + batch.num_rows, size + batch.nbytes
        while count >= ROW_GROUP_ROWS:
            rows = pa.Table.from_batches(pending, schema)
            yield rows.slice(0, ROW_GROUP_ROWS)
            count -= ROW_GROUP_ROWS
            rest = rows.slice(ROW_GROUP_ROWS)
            pending, size = rest.to_batches(), rest.nbytes
        if count and size >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(pending, schema)
            pending, count, size = [], 0, 0
    if count:
        yield pa.Table.from_batches(pending, schema)


class _OrderCheck:
    """Check that rows ascend by their keys, nulls last; equal keys are allowed."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(keys)
        self._last: pa.Table | None = None
        self.ascending = True

    def update(self, batch: pa.RecordBatch) -> None:
        if not self.ascending or not batch.num_rows or not self._keys:
            return
        rows = pa.Table.from_batches([batch.select(self._keys)])
        joined = rows if self._last is None else pa.concat_tables([self._last, rows])
        self.ascending = is_sorted(joined)
        self._last = rows.slice(rows.num_rows - 1)


class _HashingSink:
    """A writable file that hashes what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.closed = False

    def write(self, content: bytes) -> int:
        self.hash.update(content)
        return self._file.write(content)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        self._file.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        """Leave the file open: the caller flushes it to disk."""
        self.closed = True
