"""Write the rows of a period's files into one Parquet file, in a separate process.

The second half runs in that process and exchanges only plain values.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.errors import AirworthyError
from include.ingestion import file_readers, json_reader, parquet_reader
from include.ingestion.file_readers import CsvFormat
from include.ingestion.read_budget import Budget
from include.untrusted.errors import UntrustedContentError
from include.untrusted.untrusted_process import UntrustedProcess

BATCH_ROWS, BATCH_BYTES = 65_536, 128 << 20
"""Rows read from the spool at once, and bytes of text in them."""
GROUP_BYTES = 32 << 20
"""Size of a row group of the spool, unless it has BATCH_ROWS rows before."""
VECTOR_ROWS = 2_048
"""Rows that DuckDB processes at once."""
_HINTS = {
    "memory": "; write smaller row groups, or raise max_memory of the feed's source",
    "time": "; deliver it in smaller files, or raise max_time of the feed's source",
}


class SpoolBrokenError(AirworthyError):
    """A spool is used after it refused a file.

    It may lack rows of earlier files, or contain some of that file.
    """

    def __init__(self) -> None:
        super().__init__(
            "The rows of a period are incomplete, because one of its files was refused. Nothing was written. Ask the"
            " supplier for a correct file, then run the period's data DAG again."
        )


class FileRules(Protocol):
    """How files are written, and their limits, as a source of files declares them."""

    @property
    def format(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def nulls(self) -> tuple[str, ...]: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def max_rows(self) -> int: ...
    @property
    def max_memory(self) -> int: ...
    @property
    def max_time(self) -> timedelta: ...


@dataclass(frozen=True)
class RowSelection:
    """The rows of a file that belong to a period: those with a value in [first, end)."""

    column: str
    """A date or a timestamp; of the files, and perhaps of the feed."""
    first: int
    """Days or microseconds since 1970, as `end`."""
    end: int


class RowSpool:
    """The rows of a period's files.

    Use it in a `with` block, at whose end its process is closed.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        rules: FileRules,
        selection: RowSelection | None = None,
        ignored: Collection[str] = (),
    ) -> None:
        """Give rows the columns of `schema`; `path` is created with the first file."""
        self.path, self.schema, self.rules = path, schema, rules
        self.selection, self.ignored = selection, sorted(ignored)
        self.budget = Budget(rules.max_bytes, rules.max_rows)
        self._is_broken = False
        self._process = UntrustedProcess(memory_bytes=rules.max_memory, seconds=rules.max_time.total_seconds())

    def __enter__(self) -> RowSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.close()

    def append(self, file: Path, name: str) -> int:
        """Add the selected rows of a file and return the number of rows that were read.

        The suffix of `name` gives the compression of a CSV file.

        Raises:
            UntrustedContentError: the file is damaged, not as declared, over the limits, or crashes its reader.
            UntrustedProcessError: reading failed for a reason other than the file.
            SpoolBrokenError: an earlier file was not read to its end.
        """
        if self._process.pid is None and not self._is_broken:
            self._call("start", str(self.path), encoded(self.schema))
        csv_format = asdict(CsvFormat(self.rules.delimiter, self.rules.nulls))
        selection = asdict(self.selection) if self.selection else None
        before = self.budget.rows
        budget = self._call(
            "append", str(file), name, self.rules.format, csv_format, asdict(self.budget), selection, self.ignored
        )
        self.budget = Budget(**budget)
        return self.budget.rows - before

    def finish(self) -> list[Path]:
        """Finish the file, end the process and return the file.

        The list is empty if nothing was appended.

        Raises:
            SpoolBrokenError: a file was not read to its end.
        """
        if self._process.pid is None and not self._is_broken:
            return []
        self._call("finish")
        self._process.close()
        return [self.path]

    def _call(self, function: str, *arguments: Any) -> Any:
        if self._is_broken:
            raise SpoolBrokenError
        self._is_broken = True  # until the call succeeds
        try:
            answer = self._process.call(f"{__name__}:{function}", *arguments)
            self._is_broken = False
            return answer
        except UntrustedContentError as error:
            raise UntrustedContentError(f"{error.reason}{_HINTS.get(error.kind, '')}", error.kind) from error


def encoded(schema: pa.Schema) -> str:
    """Return a schema as text."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def decoded(text: str) -> pa.Schema:
    """Return the schema of a text made by `encoded`."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


_open: list[pq.ParquetWriter] = []
"""The spool being written, in the separate process."""


def start(path: str, schema: str) -> None:
    """Begin a spool."""
    _open[:] = [pq.ParquetWriter(path, decoded(schema), compression="zstd")]


def append(
    file: str,
    name: str,
    kind: str,
    csv_format: dict[str, Any],
    budget: dict[str, Any],
    selection: dict[str, Any] | None = None,
    ignored: Collection[str] = (),
) -> dict[str, Any]:
    """Add the selected rows of a file to the spool.

    Return the budget, which counts all rows of the file.
    """
    (writer,), counted = _open, Budget(**budget)
    form = CsvFormat(**csv_format) if kind == "csv" else None
    selected = RowSelection(**selection) if selection else None
    schema = with_selection(writer.schema, selected)
    if kind == "jsonl":
        batches = json_reader.read_json_lines(Path(file), schema, counted, ignored)
    else:
        batches = read_batches(Path(file), name, form, schema, counted, ignored)
    for rows in row_groups(select_rows(batches, selected, writer.schema)):
        writer.write_table(rows, row_group_size=rows.num_rows)
    pa.default_memory_pool().release_unused()
    return asdict(counted)


def finish() -> None:
    """Finish the spool."""
    _open.pop().close()


def with_selection(schema: pa.Schema, selection: RowSelection | None) -> pa.Schema:
    """Return the columns to read: those of the rows, and the one that selects them."""
    if selection is None or selection.column in schema.names:
        return schema
    return schema.append(pa.field(selection.column, pa.date32()))


def select_rows(
    batches: Iterator[pa.RecordBatch], selection: RowSelection | None, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield the selected rows with the columns of `schema`.

    Raises:
        UntrustedContentError: the column that selects has no value in a row, which would be lost.
    """
    for batch in batches:
        if selection is None:
            yield batch
            continue
        column = batch.column(selection.column)
        if column.null_count:
            raise UntrustedContentError(
                f"{column.null_count:,} rows have no {selection.column!r}, which says when a row became known"
            )
        values = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
        chosen = batch.filter(pc.and_(pc.greater_equal(values, selection.first), pc.less(values, selection.end)))
        if chosen.num_rows:
            yield chosen.select(schema.names)


def read_batches(
    path: Path,
    name: str,
    csv_format: CsvFormat | None,
    schema: pa.Schema,
    budget: Budget,
    ignored: Collection[str] = (),
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a CSV file (Parquet without `csv_format`) in its order.

    Batches have the columns in the order of `schema`. Every row of the file is in a batch, or the file is refused, at
    the latest after the last batch.

    Raises:
        UntrustedContentError: the file is damaged, not as declared, or holds more than the budget allows.
    """
    try:
        if csv_format is None:
            yield from parquet_reader.read_parquet(path, schema, budget, ignored)
        else:
            yield from file_readers.read_csv(path, name, csv_format, schema, budget, ignored)
    except MemoryError as error:
        raise UntrustedContentError("there was not enough memory to read it", "memory") from error
    except file_readers.BROKEN as error:
        raise file_readers.library_error(error) from error


def row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Join batches into tables of about BATCH_ROWS rows or GROUP_BYTES bytes."""
    waiting, rows, size = list[pa.RecordBatch](), 0, 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= BATCH_ROWS or size >= GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting)
