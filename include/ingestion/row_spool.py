"""Spool the rows of delivered files: one separate process reads every file of a day, into one Parquet file on disk.

The second half runs in that process, and speaks plain values alone.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.landing import Landing
from include.errors import AirworthyError
from include.ingestion import file_readers, parquet_reader
from include.ingestion.file_readers import Budget, CsvFormat
from include.untrusted import UntrustedContentError, UntrustedProcess

BATCH_ROWS, BATCH_BYTES = 65_536, 128 << 20
"""Rows that are taken from the spool at once, and bytes of text in them."""
GROUP_BYTES = 32 << 20
"""A row group of the spool has this size, or BATCH_ROWS rows."""
VECTOR_ROWS = 2_048
"""Rows that DuckDB takes at once."""
_HINTS = {
    "memory": "; write smaller row groups, or raise the Landing's max_memory",
    "time": "; deliver it in smaller files, or raise the Landing's max_time",
}


class SpoolBrokenError(AirworthyError):
    """A spool is used after it has refused a file: it may lack rows of earlier files, or hold some of that file."""

    def __init__(self) -> None:
        super().__init__(
            "The rows of a day are incomplete, since one of its files was refused. Nothing was written. Have that file"
            " delivered again as it should be, and run the day's data DAG."
        )


class RowSpool:
    """The rows of a day's files, to be used in a `with` block, in which its process lives."""

    def __init__(self, path: Path, schema: pa.Schema, landing: Landing) -> None:
        """Rows get the columns of `schema`; `path` is made with the first file."""
        self.path, self.schema, self.landing = path, schema, landing
        self.budget = Budget(landing.max_bytes, landing.max_rows)
        self._is_broken = False
        self._process = UntrustedProcess(memory_bytes=landing.max_memory, seconds=landing.max_time.total_seconds())

    def __enter__(self) -> RowSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()

    def append(self, file: Path, name: str) -> int:
        """Add the rows of a file, which is read as its `name` says; return their number.

        Raises:
            UntrustedContentError: the file is damaged, not as declared, larger than the limits, or ends its reader.
            UntrustedProcessError: it could not be read for reasons that do not lie with the file.
            SpoolBrokenError: an earlier file was not read to its end.
        """
        if self._process.pid is None and not self._is_broken:
            self._call("start", str(self.path), encoded(self.schema))
        csv_format = asdict(CsvFormat(self.landing.delimiter, self.landing.nulls))
        before = self.budget.rows
        found = self._call("append", str(file), name, self.landing.format, csv_format, asdict(self.budget))
        self.budget = Budget(**found)
        return self.budget.rows - before

    def finish(self) -> list[Path]:
        """Write the end of the file and end the process; return the file, or none without any `append`.

        Raises:
            SpoolBrokenError: a file was not read to its end.
        """
        if self._process.pid is None and not self._is_broken:
            return []
        self._call("finish")
        self._process.close()
        return [self.path]

    @property
    def rows_at_once(self) -> int:
        """How many rows of any order hold no more than BATCH_BYTES, besides long ones; at most BATCH_ROWS."""
        return min(BATCH_ROWS, max(VECTOR_ROWS, BATCH_BYTES // max(self.budget.longest_short_row, 1)))

    def _call(self, function: str, *arguments: Any) -> Any:
        if self._is_broken:
            raise SpoolBrokenError
        self._is_broken = True  # until the call has ended well
        try:
            answer = self._process.call(f"{__name__}:{function}", *arguments)
            self._is_broken = False
            return answer
        except UntrustedContentError as error:
            raise UntrustedContentError(f"{error.reason}{_HINTS.get(error.kind, '')}", error.kind) from error


def encoded(schema: pa.Schema) -> str:
    """Return a schema as a plain text."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def decoded(text: str) -> pa.Schema:
    """Return the schema that `encoded` has made a text of."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


_open: list[pq.ParquetWriter] = []
"""In the separate process: the spool that is being written."""


def start(path: str, schema: str) -> None:
    """Begin a spool."""
    _open[:] = [pq.ParquetWriter(path, decoded(schema), compression="zstd")]


def append(file: str, name: str, kind: str, csv_format: dict[str, Any], budget: dict[str, Any]) -> dict[str, Any]:
    """Add the rows of a file to the spool, and return the budget with what it holds."""
    (writer,), counted = _open, Budget(**budget)
    form = CsvFormat(**csv_format) if kind == "csv" else None
    for rows in row_groups(read_batches(Path(file), name, form, writer.schema, counted)):
        writer.write_table(rows, row_group_size=rows.num_rows)
    pa.default_memory_pool().release_unused()
    return asdict(counted)


def finish() -> None:
    """Write the end of the spool."""
    _open.pop().close()


def read_batches(
    path: Path,
    name: str,
    csv_format: CsvFormat | None,
    schema: pa.Schema,
    budget: Budget,
    ignored: Collection[str] = (),
) -> Iterator[pa.RecordBatch]:
    """Read the rows of a CSV file (Parquet without `csv_format`), in its order, with the columns of `schema` in theirs.

    Every row of the file is in a batch, or the file is refused, at the latest after the last batch.

    Raises:
        UntrustedContentError: the file is damaged, not as declared, or holds more than the budget leaves.
    """
    try:
        if csv_format is None:
            yield from parquet_reader.read_parquet(path, schema, budget, ignored)
        else:
            yield from file_readers.read_csv(path, name, csv_format, schema, budget, ignored)
    except MemoryError as error:
        raise UntrustedContentError("reading it found no memory left", "memory") from error
    except file_readers.BROKEN as error:
        raise UntrustedContentError(file_readers.library_words(error)) from error


def row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Join batches to tables of about BATCH_ROWS rows or GROUP_BYTES bytes."""
    waiting, rows, size = list[pa.RecordBatch](), 0, 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= BATCH_ROWS or size >= GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting)
