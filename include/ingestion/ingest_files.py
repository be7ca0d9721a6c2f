"""Collect: the files of a feed's day, from its landing bucket into raw/<feed>; what they were, into deliveries/<feed>.

A day that is published, or of which something was built, keeps what it was landed from, whatever becomes of its files,
until a person says otherwise: nothing that was decided changes unnoticed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.landing import DeliveryMissingError, DeliveryTooLargeError, Landing
from include.declaration.use_case import Feed, UseCase
from include.errors import AirworthyError, DataError
from include.ingestion import file_changes
from include.ingestion.bucket import Bucket, FetchedObject, ListedObject, TooManyObjectsError
from include.ingestion.correction_log import CorrectionLog, correction_inputs
from include.ingestion.correction_rows import brought_rows
from include.ingestion.file_changes import Mark, Redelivery
from include.ingestion.known_at import require_known_in_time
from include.ingestion.row_spool import RowSpool
from include.lake import external_sort, integrity, partition_reader, schemas
from include.lake.lake import Commit, Lake, PartitionConflictError
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.printable import printable_logger
from include.project import Project
from include.untrusted import UntrustedContentError

log = printable_logger(__name__)
MEMORY = "512MB"
"""What sorting a day may use; beyond it, it spills to disk."""


SHOWN = 100
"""Files of a day that are shown with it; the table deliveries/<feed> has all."""


class DeliveryInvalidError(DataError):
    """A delivered file is not what the feed declares."""

    def __init__(self, use_case: str, feed: str, day: date, where: str, reason: str) -> None:
        super().__init__(
            f"{use_case}: feed {feed!r} of {day}: the file {where} cannot be read: {reason}. Nothing was written."
            f" Have it"
            " delivered again, or change the feed's columns or its Landing."
        )


class DeliveryLostError(AirworthyError):
    """A landed day is damaged, and the files that it was landed from are not in the bucket as they were."""

    def __init__(self, use_case: str, table: str, day: date, what: str) -> None:
        super().__init__(
            f"{use_case}: {table} of {day} is damaged: {what}. The files in the landing bucket are not those that it"
            f" was landed from, so it cannot be landed again as it was. Restore the table's folder {table}, with its"
            " log, from a backup, or put the files back as they were and run the day again."
        )


def ingest_files(project: Project, feed: Feed, day: date, *, take_changed: bool = False) -> Commit:
    """Land the files of a day. A published day whose files are others by now keeps what it has, unless `take_changed`.

    Raises DeliveryMissingError, DeliveryTooLargeError, DeliveryInvalidError, DeliveryLostError, DataError for rows on a
    day declared absent, PartitionConflictError where the day was landed or published by somebody else meanwhile, and
    what the bucket raises.
    """
    use_case = project.use_case
    lake, landing = project.lake, _landing(feed)
    view, raw, record = lake.as_of(day), f"raw/{feed.name}", f"deliveries/{feed.name}"
    # Before the files are listed: whoever writes the day from here on may have seen others.
    before = {table: view.digest(table, day) for table in (raw, record)}
    bucket = Bucket(landing.bucket, landing.connection)
    stands = None if take_changed else _stands(lake, feed, day)
    there, whole = list[ListedObject](), True
    try:
        there, whole = _listed(bucket, landing, day)
        changed = file_changes.compare_files(feed.name, day, _marks(landed_files(view, feed, day)), _marks_of(there))
    except TooManyObjectsError as error:
        if not stands:
            limit, there_are = f"max_files={landing.max_files:,}", f"more than {landing.max_files:,} objects"
            raise DeliveryTooLargeError(use_case.name, feed.name, day, landing.where(day), limit, there_are) from error
        changed = file_changes.is_flooded(feed.name, day, landing.where(day), landing.max_files)
    if stands and (changed or not (there or whole)):  # nothing there, and no record: it came from a function
        if changed:
            log.warning(
                "%s: %s. %s", use_case.name, changed, file_changes.redelivery_advice(use_case.name, feed.name, day)
            )
        _require_whole(view, feed, day)
        return Commit(raw, day, stands, view.version(raw), changed=False)
    if not whole and not stands and day not in feed.missing_periods:
        raise DeliveryMissingError(use_case.name, feed.name, landing, day)
    if (stored := sum(each.size for each in there)) > landing.max_bytes:
        limit, there_are = f"max_bytes={landing.max_bytes:,}", f"{len(there):,} files of {stored:,} bytes"
        raise DeliveryTooLargeError(use_case.name, feed.name, day, landing.where(day), limit, there_are)

    with tempfile.TemporaryDirectory(prefix="airworthy-") as room:
        spool = RowSpool(Path(room) / "rows.parquet", schemas.content(use_case, raw), landing)
        fetched, inputs, rows_on_disk = _spool(use_case, feed, day, bucket, there, spool)
        if not take_changed and _stands(lake, feed, day) != stands:
            raise PartitionConflictError(use_case.name, raw, day)
        # Rows first, so that a record of files never stands beside other rows unnoticed.
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": room}) as connection:
            rows = _in_order(connection, rows_on_disk, schemas.keys(use_case, raw), spool.rows_at_once)
            commit = lake.replace(raw, day, rows, inputs=inputs, stage="ingest", expected_digest=before[raw])
    files_of_day = _record(use_case, feed, fetched)
    lake.replace(record, day, files_of_day, inputs={}, stage="ingest", expected_digest=before[record])
    return commit


def keeps_files(project: Project, feed: Feed, day: date) -> bool:
    """Whether a run of that day goes on with what has landed, without its files."""
    return _stands(project.lake, feed, day) is not None


def _stands(lake: Lake, feed: Feed, day: date) -> Partition | None:
    """What has landed of a day that is published, or of which something was built before it was withdrawn; else None.

    Features are built from the `look_back_periods` before their own day too, labels from their own alone.
    """
    last = day + min(timedelta(days=lake.use_case.look_back_periods), date.max - day)
    view = lake.as_of(last)
    published = view.partitions(f"checked/{feed.name}", day, day).get(day)
    there = view.partitions(f"raw/{feed.name}", day, day).get(day, published)
    built = {"features": last, "predictions": last, "labels": day}
    return there if published or any(view.partitions(table, day, until) for table, until in built.items()) else None


def _require_whole(view: AsOfSnapshot, feed: Feed, day: date) -> None:
    """DeliveryLostError where the day's files in the lake are damaged: those in the bucket are not the same any
    more."""
    table = f"raw/{feed.name}"
    what = integrity.broken_days(view, table, day, day).get(day)
    if what:
        raise DeliveryLostError(view.lake.use_case.name, table, day, what)


def landed_files(view: AsOfSnapshot, feed: Feed, since: date, until: date | None = None) -> list[dict[str, Any]]:
    """The files that days were landed from: `day`, `key`, `size`, `etag`, `sha256` and `version_id` of each."""
    rows = view.read(f"deliveries/{feed.name}", since, until or since, order_by=["day", "key"])
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def files_of(project: Project, day: date) -> dict[str, list[dict[str, Any]]]:
    """Feed to the files that its day was landed from: key, size, SHA-256 and version of the first of them."""
    view, names = project.lake.as_of(day), ("key", "size", "sha256", "version_id")
    rows = {feed.name: landed_files(view, feed, day) for feed in project.use_case.feeds if feed.landing}
    return {feed: [{name: row[name] for name in names} for row in found[:SHOWN]] for feed, found in rows.items()}


def noticed_redelivery(project: Project, day: date) -> list[Redelivery]:
    """Files of `day`, and of the feeds' `watch_periods` before it, that are not those which have landed.

    What the bucket holds now: of days that were landed from files, and by size and ETag alone.
    """
    view, found = project.lake.as_of(day), list[Redelivery | None]()
    for feed in project.use_case.feeds:
        if (landing := feed.landing) is None:
            continue
        since = max(project.use_case.first_period, day - timedelta(days=landing.watch_periods))
        rows = landed_files(view, feed, since, day)
        for earlier in sorted({row["day"] for row in rows}):
            marks = _marks([row for row in rows if row["day"] == earlier])
            try:
                there = _listed(Bucket(landing.bucket, landing.connection), landing, earlier)[0]
                found.append(file_changes.compare_files(feed.name, earlier, marks, _marks_of(there)))
            except TooManyObjectsError:
                found.append(file_changes.is_flooded(feed.name, earlier, landing.where(earlier), landing.max_files))
    return [each for each in found if each is not None]


def _landing(feed: Feed) -> Landing:
    assert feed.landing is not None, feed.name
    return feed.landing


def _listed(bucket: Bucket, landing: Landing, day: date) -> tuple[list[ListedObject], bool]:
    """The day's files in the bucket, in order of names, and whether they are all there."""
    found = {each.key: each for each in bucket.list(landing.prefix_of(day), landing.max_files)}
    return [found[key] for key in landing.files(found, day)], landing.is_delivered(found, day)


def _marks(rows: Sequence[dict[str, Any]]) -> dict[str, Mark]:
    return {row["key"]: (row["size"], row["etag"]) for row in rows}


def _marks_of(there: Sequence[ListedObject]) -> dict[str, Mark]:
    return {each.key: (each.size, each.etag) for each in there}


def _spool(
    use_case: UseCase, feed: Feed, day: date, bucket: Bucket, there: Sequence[ListedObject], spool: RowSpool
) -> tuple[list[FetchedObject], dict[str, str], list[Path]]:
    """Read every file, and the corrections that are known on the day, into files on disk; what went into them."""
    with spool:
        fetched = list(_fetched(use_case, feed, day, bucket, there, spool))
        delivered = spool.finish()
    _require_known(use_case, feed, day, delivered)
    # Only now that every file is read: from here on, the day takes no other corrections.
    known = CorrectionLog.of(use_case, feed.name).close(day)
    brought = spool.path.with_name("brought.parquet")
    pq.write_table(brought_rows(spool.schema, known).rows, brought)
    inputs = {f"s3://{bucket.name}/{each.listed.key}": f"sha256-{each.sha256}" for each in fetched}
    return fetched, inputs | correction_inputs(feed.name, known), [*delivered, brought]


def _require_known(use_case: UseCase, feed: Feed, day: date, delivered: Sequence[Path]) -> None:
    """KnownTooLateError where a delivered row became known only after the decision time; see `require_known`."""
    if feed.known_at is None:
        return
    columns = [*dict.fromkeys([*feed.keys, feed.known_at])]
    for path in delivered:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=columns):
                require_known_in_time(use_case, feed, day, batch)


def _in_order(
    connection: duckdb.DuckDBPyConnection, spooled: Sequence[Path], keys: Sequence[str], rows_at_once: int
) -> pa.RecordBatchReader:
    """The rows of these files in the order of their keys, in little memory."""
    connection.execute("set enable_progress_bar = false")  # it would fill the task's log
    connection.execute("set TimeZone = 'UTC'")  # else instants come back in the time zone of the machine
    schema = pq.read_schema(spooled[0])
    order = ", ".join(external_sort.sort_key(schema.field(name)) for name in keys)
    paths = [partition_reader.escaped(str(path)) for path in spooled]
    return connection.read_parquet(paths, hive_partitioning=False).order(order).to_arrow_reader(rows_at_once)


def _fetched(
    use_case: UseCase, feed: Feed, day: date, bucket: Bucket, there: Sequence[ListedObject], spool: RowSpool
) -> Iterator[FetchedObject]:
    """Spool the rows of each file, one file at a time; which file it was."""
    copy = spool.path.with_name("file")
    for listed in there:
        found = bucket.fetch(listed, copy)
        try:
            rows = spool.append(copy, listed.key)
        except UntrustedContentError as error:
            where = f"s3://{bucket.name}/{listed.key}"
            raise DeliveryInvalidError(use_case.name, feed.name, day, where, error.reason) from error
        if day in feed.missing_periods and rows:
            raise DataError(
                f"{use_case.name}: feed {feed.name!r} is delivered rows for {day}, which is declared absent."
                " Nothing was written. Take the day out of the feed's `missing_periods`."
            )
        copy.unlink()
        yield found


def _record(use_case: UseCase, feed: Feed, fetched: Sequence[FetchedObject]) -> pa.Table:
    rows = [
        {
            "key": each.listed.key,
            "size": each.listed.size,
            "etag": each.listed.etag,
            "sha256": each.sha256,
            "version_id": each.version_id,
        }
        for each in fetched
    ]
    return pa.Table.from_pylist(rows, schema=schemas.content(use_case, f"deliveries/{feed.name}"))
