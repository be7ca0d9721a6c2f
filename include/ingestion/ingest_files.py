"""Ingest the files of a feed's day from its landing bucket into raw/<feed>.

The files are listed in deliveries/<feed>. A day that is published, or from which a table was built, keeps its landed
rows even if its files change, until a person runs it with `take_changed`: decisions based on it do not change
unnoticed.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.landing import DeliveryMissingError, DeliveryTooLargeError, LandingBucket
from include.declaration.period import Period, periods_left
from include.errors import AirworthyError, RowsUnexpectedError
from include.ingestion import file_changes
from include.ingestion.bucket import Bucket, FetchedObject, ListedObject, TooManyObjectsError
from include.ingestion.correction_log import CorrectionLog, correction_inputs
from include.ingestion.correction_rows import brought_rows
from include.ingestion.file_changes import Mark, Redelivery
from include.ingestion.row_spool import RowSpool
from include.ingestion.sources.base import FileInvalidError
from include.ingestion.spooled_rows import MEMORY, in_order, require_known, rows_at_once
from include.lake import integrity, schemas
from include.lake.lake import Lake
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.lake.table_commit import Commit, PartitionConflictError
from include.printable import printable_logger
from include.project import DataProject
from include.untrusted.errors import UntrustedContentError

log = printable_logger(__name__)
SHOWN = 100
"""Files of a day that a run reports; the table deliveries/<feed> has all of them."""


class DeliveryLostError(AirworthyError):
    """A landed day is damaged, and the files that it was landed from have changed or are gone."""

    def __init__(self, use_case: str, table: str, period: Period, what: str) -> None:
        self.use_case, self.table, self.period = use_case, table, period
        super().__init__(
            f"{use_case}: {table} of {period} is damaged: {what}. The files in the landing bucket are not the files"
            f" from which it was written, so the same rows cannot be written again. Restore the table's folder {table},"
            " with its log, from a backup, or restore the original files and run the period again."
        )


def ingest_files(project: DataProject, feed: Feed, period: Period, *, take_changed: bool = False) -> Commit:
    """Land the files of a day.

    A published day keeps its rows if its files changed, unless `take_changed`.

    Raises:
        DeliveryMissingError: the files are not complete yet.
        DeliveryTooLargeError: they exceed the limits of the LandingBucket.
        FileInvalidError: a file does not match the declaration.
        DeliveryLostError: the kept rows are damaged, and the files have changed.
        DataError: rows were delivered for a day declared absent.
        PartitionConflictError: another process landed or published the day meanwhile.
        BucketError, ObjectChangedError: the bucket cannot be read, or a file changed while it was read.
    """
    use_case = project.use_case
    lake, landing = project.lake, _landing(feed)
    view, raw, record = lake.as_of(period), f"raw/{feed.name}", f"deliveries/{feed.name}"
    # Before the files are listed: a process that writes the day after this may have listed other files.
    before = {table: view.digest(table, period) for table in (raw, record)}
    bucket = Bucket(landing.bucket, landing.conn_id, project.connections)
    kept = None if take_changed else _kept_partition(lake, feed, period)
    files, complete = list[ListedObject](), True
    try:
        files, complete = _listed(bucket, landing, period)
        changed = file_changes.compare_files(
            feed.name, period, _marks(landed_files(view, feed, period)), _marks_of(files)
        )
    except TooManyObjectsError as error:
        if not kept:
            limit, actual = f"max_files={landing.max_files:,}", f"more than {landing.max_files:,} objects"
            raise DeliveryTooLargeError(
                use_case.name, feed.name, period, landing.location_of(period), limit, actual
            ) from error
        changed = file_changes.is_flooded(feed.name, period, landing.location_of(period), landing.max_files)
    if kept and (changed or not (files or complete)):  # no file and no record: source.py delivered it
        if changed:
            log.warning(
                "%s: %s. %s", use_case.name, changed, file_changes.redelivery_advice(use_case.name, feed.name, period)
            )
        _require_intact(view, feed, period)
        return Commit(raw, period, kept, view.version(raw), changed=False)
    if not complete and not kept and period not in feed.missing_periods:
        raise DeliveryMissingError(use_case.name, feed.name, landing, period)
    if (stored := sum(file.size for file in files)) > landing.max_bytes:
        limit, actual = f"max_bytes={landing.max_bytes:,}", f"{len(files):,} files of {stored:,} bytes"
        raise DeliveryTooLargeError(use_case.name, feed.name, period, landing.location_of(period), limit, actual)

    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        spool = RowSpool(Path(folder) / "rows.parquet", schemas.content_schema(use_case, raw), landing)
        fetched, inputs, rows_on_disk = _spool(project, feed, period, bucket, files, spool)
        if not take_changed and _kept_partition(lake, feed, period) != kept:
            raise PartitionConflictError(use_case.name, raw, period)
        # Write rows before the list of files, so that a list never describes other rows unnoticed.
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": folder}) as connection:
            rows = in_order(connection, rows_on_disk, schemas.sort_keys(use_case, raw), rows_at_once(spool.budget))
            commit = lake.replace(raw, period, rows, inputs=inputs, stage="ingest", expected_digest=before[raw])
    files_of_period = _record(use_case, feed, fetched)
    lake.replace(record, period, files_of_period, inputs={}, stage="ingest", expected_digest=before[record])
    return commit


def keeps_files(project: DataProject, feed: Feed, period: Period) -> bool:
    """Return whether a run of that day keeps the landed rows and needs no files."""
    return _kept_partition(project.lake, feed, period) is not None


def _kept_partition(lake: Lake, feed: Feed, period: Period) -> Partition | None:
    """Return the landed rows of a day that is in use, else None.

    The day is published, or tables were built from it before it was withdrawn. Features are built from
    `look_back_periods` earlier days and their own day, labels only from their own day.
    """
    last = period + min(lake.use_case.look_back_periods, periods_left(period))
    view = lake.as_of(last)
    published = view.partitions(f"checked/{feed.name}", period, period).get(period)
    landed = view.partitions(f"raw/{feed.name}", period, period).get(period, published)
    tables = schemas.table_names(lake.use_case)
    built = {"features": last, "predictions": last, "labels": period}
    until_of = {table: until for table, until in built.items() if table in tables}
    return landed if published or any(view.partitions(table, period, until_of[table]) for table in until_of) else None


def _require_intact(view: AsOfSnapshot, feed: Feed, period: Period) -> None:
    """Check that the landed rows are intact.

    The bucket no longer has the files to land them again.

    Raises:
        DeliveryLostError: the day's files in the lake are damaged.
    """
    table = f"raw/{feed.name}"
    what = integrity.broken_periods(view, table, period, period).get(period)
    if what:
        raise DeliveryLostError(view.lake.use_case.name, table, period, what)


def landed_files(view: AsOfSnapshot, feed: Feed, since: Period, until: Period | None = None) -> list[dict[str, Any]]:
    """Return the files that days were landed from.

    Each has `day`, `key`, `size`, `etag`, `sha256` and `version_id`.
    """
    rows = view.read(f"deliveries/{feed.name}", since, until or since, order_by=["period", "key"])
    files: list[dict[str, Any]] = rows.to_pylist()
    return files


def files_of(project: DataProject, period: Period) -> dict[str, list[dict[str, Any]]]:
    """Return the first SHOWN files of the day, by feed name.

    Each has key, size, SHA-256 and version.
    """
    view, names = project.lake.as_of(period), ("key", "size", "sha256", "version_id")
    rows = {feed.name: landed_files(view, feed, period) for feed in project.use_case.feeds if feed.landing}
    return {feed: [{name: row[name] for name in names} for row in files[:SHOWN]] for feed, files in rows.items()}


def noticed_redelivery(project: DataProject, period: Period) -> list[Redelivery]:
    """Return the files that differ from the landed ones.

    Covers `period` and the `watch_periods` before it. Compares the bucket's listing now, by size and ETag, for days
    that were landed from files.
    """
    view, redeliveries = project.lake.as_of(period), list[Redelivery | None]()
    for feed in project.use_case.feeds:
        if (landing := feed.landing) is None:
            continue
        since = max(project.use_case.first_period, period - landing.watch_periods)
        rows = landed_files(view, feed, since, period)
        for landed_on, of_period in itertools.groupby(rows, key=lambda row: row["period"]):
            earlier, marks = period.sibling(landed_on), _marks(list(of_period))
            try:
                bucket = Bucket(landing.bucket, landing.conn_id, project.connections)
                files = _listed(bucket, landing, earlier)[0]
                redeliveries.append(file_changes.compare_files(feed.name, earlier, marks, _marks_of(files)))
            except TooManyObjectsError:
                where = landing.location_of(earlier)
                redeliveries.append(file_changes.is_flooded(feed.name, earlier, where, landing.max_files))
    return [redelivery for redelivery in redeliveries if redelivery is not None]


def _landing(feed: Feed) -> LandingBucket:
    assert feed.landing is not None, feed.name
    return feed.landing


def _listed(bucket: Bucket, landing: LandingBucket, period: Period) -> tuple[list[ListedObject], bool]:
    """Return the day's files in the bucket by name, and whether they are complete."""
    objects = {listed.key: listed for listed in bucket.list(landing.prefix_of(period), landing.max_files)}
    return [objects[key] for key in landing.files(objects, period)], landing.is_delivered(objects, period)


def _marks(rows: Sequence[dict[str, Any]]) -> dict[str, Mark]:
    return {row["key"]: (row["size"], row["etag"]) for row in rows}


def _marks_of(files: Sequence[ListedObject]) -> dict[str, Mark]:
    return {file.key: (file.size, file.etag) for file in files}


def _spool(
    project: DataProject, feed: Feed, period: Period, bucket: Bucket, files: Sequence[ListedObject], spool: RowSpool
) -> tuple[list[FetchedObject], dict[str, str], list[Path]]:
    """Write the rows of all files and of the day's corrections to disk.

    Returns the fetched files, the inputs of the commit, and the paths of the written Parquet files.
    """
    use_case = project.use_case
    with spool:
        fetched = list(_fetched(use_case, feed, period, bucket, files, spool))
        delivered = spool.finish()
    require_known(use_case, feed, period, delivered)
    # Close the day only after every file was read: from here on, it accepts no more corrections.
    known = CorrectionLog.open(project, feed.name).close(period)
    brought = spool.path.with_name("brought.parquet")
    pq.write_table(brought_rows(spool.schema, known).rows, brought)
    inputs = {f"s3://{bucket.name}/{file.listed.key}": f"sha256-{file.sha256}" for file in fetched}
    return fetched, inputs | correction_inputs(feed.name, known), [*delivered, brought]


def _fetched(
    use_case: DataDeclaration,
    feed: Feed,
    period: Period,
    bucket: Bucket,
    files: Sequence[ListedObject],
    spool: RowSpool,
) -> Iterator[FetchedObject]:
    """Fetch and spool one file at a time, and yield each."""
    copy = spool.path.with_name("file")
    for listed in files:
        fetched = bucket.fetch(listed, copy)
        try:
            rows = spool.append(copy, listed.key)
        except UntrustedContentError as error:
            where = f"s3://{bucket.name}/{listed.key}"
            raise FileInvalidError(use_case.name, feed.name, period, where, error.reason) from error
        if period in feed.missing_periods and rows:
            raise RowsUnexpectedError(use_case.name, feed.name, period, rows)
        copy.unlink()
        yield fetched


def _record(use_case: DataDeclaration, feed: Feed, fetched: Sequence[FetchedObject]) -> pa.Table:
    rows = [
        {
            "key": file.listed.key,
            "size": file.listed.size,
            "etag": file.listed.etag,
            "sha256": file.sha256,
            "version_id": file.version_id,
        }
        for file in fetched
    ]
    return pa.Table.from_pylist(rows, schema=schemas.content_schema(use_case, f"deliveries/{feed.name}"))
