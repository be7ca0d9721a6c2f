"""Land the rows of a source that says nothing about the past.

Each row is landed in the period whose load saw it first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import duckdb
import pyarrow as pa

from include.declaration import clock
from include.declaration.known import FirstSeen
from include.declaration.period import LATEST, Period
from include.errors import DataError
from include.ingestion.sources.base import Context
from include.ingestion.spooled_rows import MEMORY, spool_rows
from include.lake.table_commit import Commit

BATCH_ROWS = 10_000
_LEFT_OUT = "If its rows are not needed, add the period to the feed's missing_periods; then it is empty."


class PastNotSeenError(DataError):
    """A period cannot be loaded any more: the source says nothing about the past."""

    def __init__(self, use_case: str, feed: str, period: Period, reason: str) -> None:
        super().__init__(
            f"{use_case}: feed {feed!r} of {period} cannot be loaded: {reason}. Its source, known=FirstSeen(…), has no"
            " times, so rows of now would be taken for rows that were known then. Nothing was written."
            f" {_LEFT_OUT}"
        )


def kept_commit(context: Context, period: Period, known: FirstSeen) -> Commit | None:
    """Return the rows that an earlier load of the period saw.

    The result is None if the period is loaded now for the first time.

    Raises:
        PastNotSeenError: the period is before the first load, out of order, or its load is too late.
    """
    lake, raw = context.project.lake, f"raw/{context.feed.name}"
    view = lake.as_of(LATEST)
    loaded = view.partitions(raw)
    if period in loaded:
        return Commit(raw, period, loaded[period], view.version(raw), changed=False)
    if period in context.feed.missing_periods:
        return None
    later = [other for other in loaded if other > period]
    if later and later[0] == min(loaded):
        raise PastNotSeenError(*context.names, period, f"it is before the first load, that of {later[0]}")
    if later:
        raise PastNotSeenError(*context.names, period, f"{later[0]} is loaded already, and loads go forward in time")
    late = clock.now() - context.project.use_case.decision_time(period)
    if late > known.within:
        whole = timedelta(seconds=int(late.total_seconds()))
        reason = f"its load begins {whole} after its decision time, more than within={known.within}"
        raise PastNotSeenError(*context.names, period, reason)
    return None


def unseen_rows(context: Context, period: Period, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows that no earlier load saw, compared by all columns.

    A row that occurs once more is one new row.
    """
    if period in context.feed.missing_periods:
        return
    schema, raw = context.schema, f"raw/{context.feed.name}"
    view = context.project.lake.as_of(period)
    spooled = spool_rows(context.folder / "seen.parquet", schema, batches)
    with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(context.folder)}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute("set TimeZone = 'UTC'")
        earlier = view.batches(raw, None, period - 1)
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in schema.names)
        connection.register("earlier", earlier)
        connection.read_parquet(str(spooled.path), hive_partitioning=False).create_view("now")
        unseen = connection.sql(f"select {names} from now except all select {names} from earlier")  # noqa: S608  # nosec B608  # names of declared columns
        for batch in unseen.to_arrow_reader(BATCH_ROWS):
            yield batch.cast(schema)
