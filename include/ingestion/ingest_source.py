"""Ingest the rows that a declared source delivers for a period into raw/<feed>, in bounded memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.feeds import Feed
from include.declaration.known import ByPath, FirstSeen
from include.declaration.period import Period
from include.declaration.sources import Files, Http, Sql
from include.errors import RowsUnexpectedError
from include.ingestion.correction_log import CorrectionLog, correction_inputs
from include.ingestion.correction_rows import brought_rows
from include.ingestion.sources import first_seen
from include.ingestion.sources.base import Context, FeedReader, SourceColumnsError, require_rows
from include.ingestion.sources.files import FilesReader
from include.ingestion.sources.http import HttpReader
from include.ingestion.sources.sql import SqlReader
from include.ingestion.spooled_rows import MEMORY, in_order, require_known, spool_rows
from include.lake import schemas
from include.lake.table_commit import Commit
from include.project import DataProject
from include.registry.code_parts import record_code
from include.untrusted.errors import UntrustedContentError


def ingest_source(project: DataProject, feed: Feed, period: Period) -> Commit:
    """Land the rows of one period of a feed with a declared source.

    Raises:
        SourceUnavailableError: the source does not answer; another try may help.
        SourceRefusedError, ConnectionMissingError: it cannot be read as declared.
        NotDeliveredError: it has not delivered the period yet.
        PastNotSeenError: the source says nothing about the period, which is over.
        DataError: its rows do not fit the declaration.
    """
    code = record_code(project.lake, f"raw/{feed.name}")
    with tempfile.TemporaryDirectory(prefix="airworthy-") as folder:
        context = Context(project, feed, Path(folder))
        reader, known = reader_of(context), getattr(feed.source, "known", None)
        if not isinstance(known, FirstSeen):
            batches = reader.batches(period)
            if not isinstance(known, ByPath):  # a file without rows is a delivery
                batches = require_rows(context, period, batches)
            return land_batches(context, period, batches, reader.inputs, code)
        if kept := first_seen.kept_commit(context, period, known):
            return kept
        unseen = first_seen.unseen_rows(context, period, reader.batches(period))
        return land_batches(context, period, unseen, reader.inputs, code)


def reader_of(context: Context) -> FeedReader:
    """Return the reader of a feed's declared source."""
    source = context.feed.source
    if isinstance(source, Files):
        return FilesReader(context, source)
    if isinstance(source, Sql):
        return SqlReader(context, source)
    if isinstance(source, Http):
        return HttpReader(context, source)
    raise AssertionError(source)


def land_batches(
    context: Context, period: Period, batches: Iterator[pa.RecordBatch], inputs: Mapping[str, str], code: str
) -> Commit:
    """Write batches and the period's corrections to the lake, sorted by their keys.

    `inputs` is read after the batches.

    Raises:
        DataError: rows were delivered for a period declared absent, or do not fit the declaration.
    """
    project, feed, began = context.project, context.feed, time.process_time()
    use_case, raw = project.use_case, f"raw/{feed.name}"
    try:
        spooled = spool_rows(context.folder / "rows.parquet", context.schema, batches)
    except UntrustedContentError as error:
        raise SourceColumnsError(*context.names, str(type(feed.source).__name__), error.reason) from error
    if period in feed.missing_periods and spooled.rows:
        raise RowsUnexpectedError(use_case.name, feed.name, period, spooled.rows)
    require_known(use_case, feed, period, [spooled.path])
    # Close the period only after the source has answered: from here on, it accepts no more corrections.
    corrections = CorrectionLog.open(project, feed.name).close(period)
    brought = context.folder / "brought.parquet"
    pq.write_table(brought_rows(context.schema, corrections).rows, brought)
    with duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(context.folder)}) as connection:
        rows = in_order(connection, [spooled.path, brought], schemas.sort_keys(use_case, raw), spooled.rows_at_once)
        all_inputs = {**inputs, **correction_inputs(feed.name, corrections)}
        return project.lake.replace(raw, period, rows, inputs=all_inputs, stage="ingest", code=code, cpu_since=began)
