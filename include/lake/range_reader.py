"""Days: small tables read over many days at once, for a person who waits: in one pass, and each file only once.

A file of a Delta table never changes, so what was read of it may be remembered by its path.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
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

REMEMBERED = 2048
"""Files whose rows are kept: some 12 KB for what is drawn of a day of measures of 62 features."""

FEW, READERS = 30, 4
"""From so many files on, so many threads read them: half of a file's time is spent outside of Python."""


class TableCorruptedError(AirworthyError):
    """A table is there and cannot be read."""

    def __init__(self, use_case: str, table: str, cause: BaseException) -> None:
        what = cause if isinstance(cause, ChecksumError) else type(cause).__name__  # a library's words may hold rows
        super().__init__(
            f"The table {table} of {use_case} is damaged: {what}. Restore its folder in the lake,"
            " with its log, from a backup; or remove it and run the days again."
        )


@dataclass(frozen=True)
class RangeReader:
    """Which days a table holds, and where; read anew by `of`."""

    lake: Lake
    table: str
    files: tuple[tuple[Period, StoragePath], ...]

    @classmethod
    def open(cls, lake: Lake, table: str, until: Period) -> RangeReader:
        """The days up to `until`; none where there is no table, and none is made. Raises TableCorruptedError."""
        try:
            view = lake.at_versions(until, {table: None})
        except TableVersionMissingError as error:
            if isinstance(error.__cause__, TableNotFoundError) and _nothing_at(lake.root / table):
                return cls(lake, table, ())
            raise TableCorruptedError(lake.use_case.name, table, error.__cause__ or error) from error
        except OSError as error:
            raise TableCorruptedError(lake.use_case.name, table, error) from error
        if view.forged_days(table):
            raise TableCorruptedError(lake.use_case.name, table, ChecksumError(FORGED))
        return cls(lake, table, tuple(view.places(table)))

    @property
    def days(self) -> tuple[Period, ...]:
        return tuple(sorted({day for day, _ in self.files}))

    def between(self, first: Period, last: Period) -> RangeReader:
        """Those from `first` to `last`, both included."""
        return RangeReader(self.lake, self.table, tuple(each for each in self.files if first <= each[0] <= last))

    def newest(self, count: int) -> RangeReader:
        """The last `count` of them."""
        days = self.days
        return self.only(set(days[max(len(days) - count, 0) :]))

    def only(self, days: Collection[Period]) -> RangeReader:
        """Those among `days`."""
        return RangeReader(self.lake, self.table, tuple(each for each in self.files if each[0] in days))

    def rows(self, without: frozenset[str] = frozenset()) -> pa.Table:
        """The rows, with their `day`, in order of days; `without` the metrics of these names, where they broke no limit
        (only the table `metrics` has them). Raises TableCorruptedError."""
        schema = schemas.content(self.lake.use_case, self.table)
        try:
            parts = _contents([file for _, file in self.files], schema, without)
        except (OSError, pa.ArrowException) as error:
            raise TableCorruptedError(self.lake.use_case.name, self.table, error) from error
        rows = pa.concat_tables(parts or [schema.empty_table()])
        return rows.append_column("day", pa.array(_repeated(self.files, parts), pa.date32()))


def _contents(files: Sequence[StoragePath], schema: pa.Schema, without: frozenset[str]) -> list[pa.Table]:
    """The rows of each file, in their order."""

    def read(some: Sequence[StoragePath]) -> list[pa.Table]:
        return [_content(file, schema, without) for file in some]

    readers = READERS if not files or files[0].is_local else s3.AT_ONCE
    if len(files) < (FEW if readers == READERS else 2):
        return read(files)
    size = math.ceil(len(files) / readers)
    with ThreadPoolExecutor(readers) as pool:
        pieces = pool.map(read, (files[start : start + size] for start in range(0, len(files), size)))
        return [part for piece in pieces for part in piece]


@functools.lru_cache(maxsize=REMEMBERED)
def _content(place: StoragePath, schema: pa.Schema, without: frozenset[str]) -> pa.Table:
    content = io.BytesIO(require_bytes(place.name, place.read()))
    # Threads cost more than they save on a file of so few rows.
    with pq.ParquetFile(content) as file:
        names = [name for name in schema.names if name in file.schema_arrow.names]
        rows = partition_reader.convert(place.uri, file.read(names, use_threads=False), schema)
    if not without:
        return rows
    kept = pc.invert(pc.is_in(rows["metric"], pa.array(sorted(without))))
    return rows.filter(pc.or_kleene(kept, rows["breached"]))  # null, where it is not judged, leaves it out


def _nothing_at(folder: StoragePath) -> bool:
    """Whether there is no folder, or an empty one; where a file is, or what may not be read, there is something."""
    try:
        return not folder.exists()
    except OSError:
        return False


def _repeated(files: tuple[tuple[Period, StoragePath], ...], parts: list[pa.Table]) -> npt.NDArray[np.datetime64]:
    days = np.array([day.start_date for day, _ in files], dtype="datetime64[D]")
    return np.repeat(days, [part.num_rows for part in parts])
