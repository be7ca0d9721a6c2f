"""Ingest a day of each feed, from its source and its corrections, into raw/<feed>."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pyarrow as pa

from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.declaration.personal import masked_errors
from include.errors import RowsUnexpectedError, SourceError
from include.ingestion import ingest_files, ingest_source
from include.ingestion.correction_log import CorrectionLog, correction_inputs
from include.ingestion.correction_rows import add_corrections
from include.ingestion.known_at import require_known_in_time
from include.ingestion.sources import function
from include.ingestion.sources.base import Context
from include.lake import schemas
from include.lake.table_commit import Commit
from include.project import DataProject
from include.registry.code_parts import record_code


def ingest_period(project: DataProject, period: Period, *, take_changed: bool = False) -> dict[str, Commit]:
    """Land every feed of `period` and return the commit of each, by feed name.

    `take_changed` also replaces a published day by files that were delivered again.

    Raises:
        DataError: a source breaks its declaration.
    """
    project.use_case.require(period)
    return {feed.name: land_feed(project, feed, period, take_changed=take_changed) for feed in project.use_case.feeds}


def land_feed(project: DataProject, feed: Feed, period: Period, *, take_changed: bool = False) -> Commit:
    """Land one feed of one period, from its declared source or from source.py.

    Raises:
        SourceError: the feed's function in source.py raised.
        DataError: the source breaks its declaration.
    """
    use_case = project.use_case
    with masked_errors(use_case.personal_columns, use_case.known_names):
        return _land(project, feed, period, take_changed)


def _land(project: DataProject, feed: Feed, period: Period, take_changed: bool) -> Commit:
    use_case = project.use_case
    if feed.landing:
        return ingest_files.ingest_files(project, feed, period, take_changed=take_changed)
    if feed.source:
        return ingest_source.ingest_source(project, feed, period)
    began, code = time.process_time(), record_code(project.lake, f"raw/{feed.name}")  # before the import
    try:
        rows = use_case.function("source", feed.name)(period)
    except Exception as error:
        raise SourceError(use_case.name, feed.name, period, error) from error
    if not isinstance(rows, pa.Table):
        with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
            context = Context(project, feed, Path(folder))
            return ingest_source.land_batches(context, period, function.batches_of(context, period, rows), {}, code)
    if period in feed.missing_periods and rows.num_rows:
        raise RowsUnexpectedError(use_case.name, feed.name, period, rows.num_rows)
    require_known_in_time(
        use_case, feed, period, rows
    )  # not of corrections: they become known later than the rows they replace
    # Close the day only after the source has answered: from here on, it accepts no more corrections.
    corrections = CorrectionLog.open(project, feed.name).close(period)
    if corrections:
        rows = add_corrections(
            rows, schemas.content_schema(use_case, f"raw/{feed.name}"), corrections, feed.personal or ()
        )
    inputs = correction_inputs(feed.name, corrections)
    return project.lake.replace(
        f"raw/{feed.name}", period, rows, inputs=inputs, stage="ingest", code=code, cpu_since=began
    )
