"""With `known_at`, rows from after the decision time are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import ColumnsError, DataError
from include.features import build
from include.ingestion import correction_file, correction_reader, ingest, validate
from include.ingestion.known_at import KnownTooLateError, require_known_in_time
from include.lake import schemas
from include.lake.lake import Lake
from include.project import open_project
from include.use_case import UseCase
from tests.refusals import invalid, raises
from tests.toy_use_case import USE_CASE, source

DAY = Period("2020-01-10")
MIDNIGHT = datetime(2020, 1, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KINDS = {"date32": pa.date32(), "timestamp": pa.timestamp("us", "UTC")}


def declared(kind: str, time_zone: str = "UTC", **changes) -> UseCase:
    """The toy, whose events have one more column: when they became known."""
    events = USE_CASE.feed("events")
    events = replace(events, columns={**events.columns, "seen": kind}, known_at="seen", **changes)
    return replace(USE_CASE, feeds=(events, USE_CASE.feed("outcomes")), time_zone=time_zone)


def seen(*values, kind: str = "timestamp") -> pa.Table:
    """Return events of DAY; the first became known at these times, the others long before."""
    rows = source.events(DAY)
    early = date(2020, 1, 1) if kind == "date32" else datetime(2020, 1, 1, tzinfo=UTC)
    column = [*values, *[early] * (rows.num_rows - len(values))]
    return rows.append_column("seen", pa.array(column, KINDS[kind]))


def check(use_case: UseCase, rows: pa.Table) -> None:
    require_known_in_time(use_case, use_case.feed("events"), DAY, rows)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("timestamp", MIDNIGHT), ("timestamp", MIDNIGHT - SECOND), ("date32", (DAY - 1).start_date)],
)
def test_what_was_known_by_the_decision_time_is_delivered(kind, value):
    check(declared(kind), seen(value, kind=kind))


@pytest.mark.parametrize(
    ("kind", "value"),
    [("timestamp", MIDNIGHT + timedelta(microseconds=1)), ("date32", DAY.start_date), ("date32", (DAY + 9).start_date)],
)
def test_what_became_known_later_is_refused_with_column_count_and_first_row(kind, value):
    with pytest.raises(KnownTooLateError) as refused:
        check(declared(kind), seen(value, value, kind=kind))
    assert (refused.value.column, refused.value.rows, refused.value.period) == ("seen", 2, DAY)
    assert isinstance(refused.value, DataError) and not refused.value.retryable


def test_a_row_that_does_not_say_when_it_became_known_is_refused():
    with pytest.raises(KnownTooLateError) as refused:
        check(declared("timestamp"), seen(None))
    assert (refused.value.column, refused.value.rows) == ("seen", 1)


@pytest.mark.parametrize(
    ("zone", "begins"),
    [
        ("America/New_York", datetime(2020, 1, 10, 5, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2020, 1, 9, 18, 30, tzinfo=UTC)),
    ],
)
def test_the_decision_time_is_midnight_in_the_use_cases_time_zone(zone, begins):
    use_case = declared("timestamp", zone)
    assert use_case.decision_time(DAY) == begins
    check(use_case, seen(begins))
    with pytest.raises(KnownTooLateError):
        check(use_case, seen(begins + SECOND))


def test_a_midnight_that_the_clocks_skip_is_the_instant_of_the_change():
    cairo = declared("timestamp", "Africa/Cairo")
    assert cairo.decision_time(Period("2026-04-24")) == datetime(2026, 4, 23, 22, tzinfo=UTC)


def test_a_feed_that_declares_none_is_not_checked():
    require_known_in_time(USE_CASE, USE_CASE.feed("events"), DAY, source.events(DAY))


@pytest.mark.parametrize("known_at", ["nowhere", "hour", "kind"])
def test_a_column_that_cannot_say_when_is_refused_when_it_is_declared(known_at):
    with invalid("known_at"):
        replace(USE_CASE.feed("events"), known_at=known_at)


def test_a_timestamp_is_no_key_and_no_feature():
    events = USE_CASE.feed("events")
    feeds = (replace(events, columns={**events.columns, "id": "timestamp"}), USE_CASE.feed("outcomes"))
    with invalid("keys"):
        replace(USE_CASE, feeds=feeds)
    with invalid("keys"):
        replace(USE_CASE, feeds=feeds[:1], keys=("event_date", "id"))
    with invalid("features['hour']"):
        replace(USE_CASE, features={"hour": "timestamp"})


# -- through the stages


@pytest.mark.parametrize("machine", ["UTC", "Pacific/Auckland"])
def test_instants_are_the_same_through_lake_validation_and_features_in_any_time_zone(
    lake_home, configure, toy_functions, machine
):
    configure(time_zone=machine)
    use_case = replace(declared("timestamp"), look_back_periods=0)
    value = datetime(2020, 1, 9, 23, 59, 59, 123456, tzinfo=UTC)
    rows = seen(value, MIDNIGHT)
    toy_functions.source(events=lambda period: rows)
    (
        ingest.ingest_period(open_project(use_case), DAY),
        validate.validate_period(open_project(use_case), DAY),
        build.build_features(open_project(use_case), DAY),
    )
    lake = Lake.open(use_case)
    view = lake.as_of(DAY)
    assert view.read("checked/events", DAY, order_by=["id"])["seen"].to_pylist()[:2] == [value, MIDNIGHT]
    hours = view.table("checked/events", DAY).order_by("id").select("seen", hour=lambda t: t.seen.hour()).limit(2)
    found = hours.to_pyarrow()
    assert found["hour"].to_pylist() == [23, 0]
    assert found.schema.field("seen").type.tz == "UTC"
    assert not lake.replace("raw/events", DAY, rows, inputs={}, stage="ingest").changed, "a rerun changes nothing"


def test_a_source_that_delivers_too_early_lands_nothing(lake_home, toy_functions):
    use_case = declared("timestamp")
    rows = seen(MIDNIGHT + SECOND)
    toy_functions.source(events=lambda period: rows)
    with pytest.raises(KnownTooLateError):
        ingest.ingest_period(open_project(use_case), DAY)
    assert Lake.open(use_case).as_of(DAY).partitions("raw/events") == {}


def test_rows_of_another_type_are_refused_as_such(lake_home, toy_functions):
    use_case = declared("timestamp")
    rows = seen(DAY.start_date, kind="date32")
    toy_functions.source(events=lambda period: rows)
    with raises(ColumnsError, "seen", "date32[day]", "timestamp[us, tz=UTC]", period=DAY):
        ingest.ingest_period(open_project(use_case), DAY)


def test_an_exported_instant_comes_back_as_it_was():
    schema = schemas.content_schema(declared("timestamp"), "raw/events")
    rows = seen(datetime(2020, 1, 9, 23, 59, 59, 123456, tzinfo=UTC)).select(schema.names).slice(0, 3)
    content = correction_file.correction_csv(rows, ["a", "b", "c"], [[], [], []])
    assert correction_reader.read_corrections("x.csv", content, schema)[0].equals(rows.cast(schema).combine_chunks())
