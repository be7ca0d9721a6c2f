"""Ingest: a day of each feed, from its source, into raw/<feed>."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from include.errors import BadData, SourceFailed
from include.storage.lake import Commit, Lake
from include.use_case import Feed, UseCase


def run(use_case: UseCase, day: date) -> dict[str, Commit]:
    """Land every feed of `day`; feed name to commit. BadData where a source breaks its declaration."""
    use_case.require(day)
    return {feed.name: land(use_case, feed, day) for feed in use_case.feeds}


def land(use_case: UseCase, feed: Feed, day: date) -> Commit:
    """Land one feed of one day. SourceFailed where the source's function raises."""
    try:
        rows: pa.Table = use_case.function("source", feed.name)(day)
    except Exception as error:
        raise SourceFailed(use_case.name, feed.name, day, error) from error
    if day in feed.absent_days and rows.num_rows:
        raise BadData(
            f"{use_case.name}: feed {feed.name!r} delivers {rows.num_rows} rows for {day}, which is declared absent."
            " Nothing was written. Take the day out of the feed's `absent_days`."
        )
    return Lake.of(use_case).replace(f"raw/{feed.name}", day, rows, inputs={}, stage="ingest")
