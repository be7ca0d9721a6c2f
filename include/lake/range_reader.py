"""Read small tables over many days quickly, for a page.

They are read in one pass, with each file cached. A file of a Delta table never changes, so its rows are cached by its
path.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.exceptions import TableNotFoundError

from include.declaration.period import Period
from include.errors import AirworthyError
from include.lake import partition_reader, s3, schemas
from include.lake.file_checksum import ChecksumError, require_bytes
from include.lake.file_signature import FORGED
from include.lake.history import TableVersionMissingError
from include.lake.lake import Lake
from include.lake.object_store import StoragePath

CACHED_FILES = 2048
"""Number of files whose rows are cached: about 12 KB for a day of metrics of 62 features."""

THREADED_FROM, READER_THREADS = 30, 4
"""Number of files from which on several threads read, and number of threads: half the time is outside Python."""


class TableCorruptedError(AirworthyError):
    """A table exists and cannot be read."""

    def __init__(self, use_case: str, table: str, cause: BaseException) -> None:
        self.use_case, self.table, self.cause = use_case, table, cause
        damage = cause if isinstance(cause, ChecksumError) else type(cause).__name__  # a library's text may hold rows
        super().__init__(
            f"The table {table} of {use_case} is damaged: {damage}. Restore its folder in the lake,"
            " with its log, from a backup; or remove it and run the periods again."
        )


@dataclass(frozen=True)
class RangeReader:
    """The days of a table and their files, as they were when `open` was called."""

    lake: Lake
    table: str
    files: tuple[tuple[Period, StoragePath], ...]

    @classmethod
    def open(cls, lake: Lake, table: str, until: Period) -> RangeReader:
        """Open the days up to `until`; none if there is no table. Creates no table.

        Raises:
            TableCorruptedError: the table cannot be read, or has a file of unknown origin.
        """
        try:
            view = lake.at_versions(until, {table: None})
        except TableVersionMissingError as error:
            if isinstance(error.__cause__, TableNotFoundError) and _is_empty(lake.root / table):
                return cls(lake, table, ())
            raise TableCorruptedError(lake.use_case.name, table, error.__cause__ or error) from error
        except OSError as error:
            raise TableCorruptedError(lake.use_case.name, table, error) from error
        if view.forged_periods(table):
            raise TableCorruptedError(lake.use_case.name, table, ChecksumError(FORGED))
        return cls(lake, table, tuple(view.storage_paths(table)))

    @property
    def periods(self) -> tuple[Period, ...]:
        return tuple(sorted({period for period, _ in self.files}))

    def between(self, first: Period, last: Period) -> RangeReader:
        """Return a reader of the days from `first` to `last` inclusive."""
        return RangeReader(self.lake, self.table, tuple(file for file in self.files if first <= file[0] <= last))

    def newest(self, count: int) -> RangeReader:
        """Return a reader of the last `count` days."""
        periods = self.periods
        return self.select(set(periods[max(len(periods) - count, 0) :]))

    def select(self, periods: Collection[Period]) -> RangeReader:
        """Return a reader of the days that are in `days`."""
        return RangeReader(self.lake, self.table, tuple(file for file in self.files if file[0] in periods))

    def rows(self, without: frozenset[str] = frozenset()) -> pa.Table:
        """Return the rows with their `period`, in order of periods.

        `without` leaves out rows of these metrics that breached no limit (only for the table `metrics`).

        Raises:
            TableCorruptedError: a file cannot be read.
        """
        schema = schemas.content_schema(self.lake.use_case, self.table)
        try:
            parts = _contents([file for _, file in self.files], schema, without)
        except (OSError, pa.ArrowException) as error:
            raise TableCorruptedError(self.lake.use_case.name, self.table, error) from error
        rows = pa.concat_tables(parts or [schema.empty_table()])
        field = schemas.period_field(self.lake.use_case.calendar.unit)
        return rows.append_column(field, _repeated(self.files, parts, field.type))


def _contents(files: Sequence[StoragePath], schema: pa.Schema, without: frozenset[str]) -> list[pa.Table]:
    """Return the rows of each file, in the order of the files."""

    def read(batch: Sequence[StoragePath]) -> list[pa.Table]:
        return [_content(file, schema, without) for file in batch]

    readers = READER_THREADS if not files or files[0].is_local else s3.CONCURRENT_REQUESTS
    if len(files) < (THREADED_FROM if readers == READER_THREADS else 2):
        return read(files)
    size = math.ceil(len(files) / readers)
    with ThreadPoolExecutor(readers) as pool:
        pieces = pool.map(read, (files[start : start + size] for start in range(0, len(files), size)))
        return [part for piece in pieces for part in piece]


@functools.lru_cache(maxsize=CACHED_FILES)
def _content(place: StoragePath, schema: pa.Schema, without: frozenset[str]) -> pa.Table:
    content = io.BytesIO(require_bytes(place.name, place.read()))
    # For files with few rows, threads cost more than they save.
    with pq.ParquetFile(content) as file:
        names = [name for name in schema.names if name in file.schema_arrow.names]
        rows = partition_reader.convert(place.uri, file.read(names, use_threads=False), schema)
    if not without:
        return rows
    kept = pc.invert(pc.is_in(rows["metric"], pa.array(sorted(without))))
    return rows.filter(pc.or_kleene(kept, rows["breached"]))  # a null (not judged) leaves the row out


def _is_empty(folder: StoragePath) -> bool:
    """Return whether the folder is missing or empty.

    Returns False for a file, or if it cannot be read.
    """
    try:
        return not folder.exists()
    except OSError:
        return False


def _repeated(files: tuple[tuple[Period, StoragePath], ...], parts: list[pa.Table], kind: pa.DataType) -> pa.Array:
    """Return the period of each row."""
    starts = pa.array([period.start for period, _ in files], kind)
    return starts.take(pa.array(np.repeat(np.arange(len(files)), [part.num_rows for part in parts])))
