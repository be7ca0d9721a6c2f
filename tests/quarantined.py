"""A toy source that delivers bad rows."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from include.declaration.period import Period, period_range
from include.features import build
from include.ingestion import ingest, quarantine, resubmit, validate
from include.ingestion.resubmit import Resubmission
from include.lake.lake import Lake
from include.project import open_project
from include.use_case import UseCase
from tests.toy_use_case import USE_CASE, source

DAY, NEXT = Period("2020-01-10"), Period("2020-01-11")
EVENTS = USE_CASE.feed("events")
HOUR = "hour: expect_column_values_to_be_between(min_value=0, max_value=23)"
FAILED = "failed: expect_column_values_to_be_in_set(value_set=[0, 1])"
ASKED = {"actor": "Ann", "comment": "mistyped at the desk"}


def spoil(
    monkeypatch: pytest.MonkeyPatch,
    feed: str,
    column: str,
    values: Sequence[Any],
    *periods: Period,
    source: ModuleType = source,
) -> None:
    """On these days, the first rows of the feed have these values."""
    deliver = getattr(source, feed)

    def spoiled(period: Period) -> pa.Table:
        rows = deliver(period)
        if period not in periods:
            return rows
        field = rows.schema.field(column)
        changed = [*values, *rows[column].to_pylist()[len(values) :]][: rows.num_rows]
        return rows.set_column(rows.schema.get_field_index(column), field, pa.array(changed, field.type))

    monkeypatch.setattr(source, feed, spoiled)


def land(feed: str, first: Period, last: Period | None = None, use_case: UseCase = USE_CASE) -> None:
    """Ingest and validate one feed: what features are made of is landed when they are built, and takes its time."""
    for period in period_range(first, last or first):
        ingest.land_feed(open_project(use_case), use_case.feed(feed), period)
        validate.check_feed(open_project(use_case), use_case.feed(feed), period)


def run_days(first: Period, last: Period | None = None) -> None:
    for period in period_range(first, last or first):
        (
            ingest.ingest_period(open_project(USE_CASE), period),
            validate.validate_period(open_project(USE_CASE), period),
            build.build_features(open_project(USE_CASE), period),
        )


def rows_of(table: str, period: Period) -> list[dict[str, Any]]:
    return Lake.open(USE_CASE).as_of(period).read(table, since=period).to_pylist()


def exported(feed: str, period: Period | None = None) -> str:
    return quarantine.read_quarantine(open_project(USE_CASE), feed, period).exported().decode()


def sent(feed: str, text: str, **asked: Any) -> Resubmission:
    return resubmit.resubmit_corrected(open_project(USE_CASE), feed, "rows.csv", text.encode(), **{**ASKED, **asked})


def released(feed: str, *reasons: str, **asked: Any) -> Resubmission:
    return resubmit.resubmit_released(open_project(USE_CASE), feed, reasons, **{**ASKED, **asked})


BOTH = ((",25,", ",5,"), (",-1,", ",1,"))
"""What is wrong with the hours of the fixture `bad_hours`, and what they should be."""
BOTH_OTHERWISE = (
    '"event_date","id","kind","size","hour","urgent"\n2020-01-10,0,"screw",14.950474906873556,9,false\n'
    '2020-01-10,1,"rivet",7.766205454690684,9,false\n'
)


def edited(*changes: tuple[str, str]) -> str:
    """The export of DAY's events, changed by hand."""
    text = exported("events", DAY)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text
