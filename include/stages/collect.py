"""Collect: the files of a feed's day, from its landing bucket into raw/<feed>; what they were, into deliveries/<feed>.

A day that is published keeps what it was landed from, whatever becomes of its files, until a person says otherwise:
nothing that was decided changes unnoticed.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from include.errors import BadData
from include.landing import DeliveryMissing, Landing
from include.logic import corrections, deliveries
from include.logic.deliveries import Mark, Redelivery
from include.sources import files
from include.sources.bucket import Bucket, Fetched, Listed
from include.storage import schemas
from include.storage.corrections import Corrections, inputs_of
from include.storage.lake import Commit, Lake
from include.storage.view import View
from include.use_case import Feed, UseCase

log = logging.getLogger(__name__)
MEMORY = "512MB"
"""What sorting a day may use; beyond it, it spills to disk."""


SHOWN = 100
"""Files of a day that are shown beside it; the table deliveries/<feed> has all."""


class DeliveryWrong(BadData):
    """A delivered file is not what the feed declares."""

    def __init__(self, use_case: str, feed: str, day: date, where: str, why: str) -> None:
        super().__init__(
            f"{use_case}: feed {feed!r} of {day}: the file {where} cannot be read: {why}. Nothing was written. Have it"
            " delivered again, or change the feed's columns or its Landing."
        )


def run(use_case: UseCase, feed: Feed, day: date, *, take_changed: bool = False) -> Commit:
    """Land the files of a day. A published day whose files are others by now keeps what it has, unless `take_changed`.

    Raises DeliveryMissing, DeliveryWrong, BadData for rows on a day declared absent, and what the bucket raises.
    """
    lake, landing = Lake.of(use_case), _landing(feed)
    view, raw = lake.as_of(day), f"raw/{feed.name}"
    bucket = Bucket(landing.bucket, landing.connection)
    there, whole = _listed(bucket, landing, day)
    changed = deliveries.compare(feed.name, day, _marks(landed(view, feed, day)), _marks_of(there))
    published = view.partitions(f"checked/{feed.name}", day, day)
    if changed and published and not take_changed:
        log.warning("%s: %s. %s", use_case.name, changed, deliveries.advice(use_case.name, feed.name, day))
        partition = view.partitions(raw, day, day).get(day, published[day])
        return Commit(raw, day, partition, view.version(raw), changed=False)
    if not whole and day not in feed.absent_days:
        raise DeliveryMissing(use_case.name, feed.name, landing, day)
    return _land(lake, feed, day, bucket, there)


def landed(view: View, feed: Feed, since: date, until: date | None = None) -> list[dict[str, Any]]:
    """The files that days were landed from: `day`, `key`, `size`, `etag`, `sha256` and `version_id` of each."""
    rows = view.read(f"deliveries/{feed.name}", since, until or since, order_by=["day", "key"])
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def files_of(use_case: UseCase, day: date) -> dict[str, list[dict[str, Any]]]:
    """Feed to the files that its day was landed from: key, size, SHA-256 and version of the first of them."""
    view, names = Lake.of(use_case).as_of(day), ("key", "size", "sha256", "version_id")
    rows = {feed.name: landed(view, feed, day) for feed in use_case.feeds if feed.landing}
    return {feed: [{name: row[name] for name in names} for row in found[:SHOWN]] for feed, found in rows.items()}


def noticed(use_case: UseCase, day: date) -> list[Redelivery]:
    """Files of `day`, and of the feeds' `watch_days` before it, that are not those which have landed.

    What the bucket holds now: of days that were landed from files, and by size and ETag alone.
    """
    view, found = Lake.of(use_case).as_of(day), list[Redelivery | None]()
    for feed in use_case.feeds:
        if (landing := feed.landing) is None:
            continue
        since = max(use_case.first_day, day - timedelta(days=landing.watch_days))
        rows = landed(view, feed, since, day)
        for earlier in sorted({row["day"] for row in rows}):
            marks = _marks([row for row in rows if row["day"] == earlier])
            there = _listed(Bucket(landing.bucket, landing.connection), landing, earlier)[0]
            found.append(deliveries.compare(feed.name, earlier, marks, _marks_of(there)))
    return [each for each in found if each is not None]


def _landing(feed: Feed) -> Landing:
    assert feed.landing is not None, feed.name
    return feed.landing


def _listed(bucket: Bucket, landing: Landing, day: date) -> tuple[list[Listed], bool]:
    """The day's files in the bucket, in order of names, and whether they are all there."""
    found = {each.key: each for each in bucket.list(landing.prefix_of(day))}
    return [found[key] for key in landing.files(found, day)], landing.is_delivered(found, day)


def _marks(rows: Sequence[dict[str, Any]]) -> dict[str, Mark]:
    return {row["key"]: (row["size"], row["etag"]) for row in rows}


def _marks_of(there: Sequence[Listed]) -> dict[str, Mark]:
    return {each.key: (each.size, each.etag) for each in there}


def _land(lake: Lake, feed: Feed, day: date, bucket: Bucket, there: Sequence[Listed]) -> Commit:
    """Read every file, then write: rows first, so that a record of files never stands beside other rows unnoticed."""
    use_case, raw = lake.use_case, f"raw/{feed.name}"
    with tempfile.TemporaryDirectory(prefix="airworthy-") as room:
        spool = Path(room) / "rows.parquet"
        with pq.ParquetWriter(spool, schemas.content(use_case, raw), compression="zstd") as writer:
            fetched = list(_fetched(use_case, feed, day, bucket, there, writer))
            # Only now that every file is read: from here on, the day takes no other corrections.
            known = Corrections.of(use_case, feed.name).close(day)
            writer.write_table(corrections.brought(writer.schema, known))
        inputs = {f"s3://{bucket.name}/{each.listed.key}": f"sha256-{each.sha256}" for each in fetched}
        with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": room}) as connection:
            connection.execute("set enable_progress_bar = false")  # it would fill the task's log
            keys = ", ".join(f'"{key}"' for key in schemas.keys(use_case, raw))
            ordered = connection.read_parquet(str(spool)).order(keys).to_arrow_reader(files.BATCH_ROWS)
            commit = lake.replace(raw, day, ordered, inputs=inputs | inputs_of(feed.name, known), stage="ingest")
    lake.replace(f"deliveries/{feed.name}", day, _record(use_case, feed, fetched), inputs={}, stage="ingest")
    return commit


def _fetched(
    use_case: UseCase, feed: Feed, day: date, bucket: Bucket, there: Sequence[Listed], writer: pq.ParquetWriter
) -> Iterator[Fetched]:
    """Write the rows of each file, one file and one batch at a time; which file it was."""
    landing, space, copy = _landing(feed), files.Space(_landing(feed).max_bytes), Path(writer.where).with_name("file")
    for listed in there:
        found = bucket.fetch(listed, copy)
        try:
            for batch in files.batches(copy, listed.key, landing, writer.schema, space):
                writer.write_batch(batch)
                if day in feed.absent_days and batch.num_rows:
                    raise BadData(
                        f"{use_case.name}: feed {feed.name!r} is delivered rows for {day}, which is declared absent."
                        " Nothing was written. Take the day out of the feed's `absent_days`."
                    )
        except files.Unreadable as error:
            where = f"s3://{bucket.name}/{listed.key}"
            raise DeliveryWrong(use_case.name, feed.name, day, where, str(error)) from error
        copy.unlink()
        yield found


def _record(use_case: UseCase, feed: Feed, fetched: Sequence[Fetched]) -> pa.Table:
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
