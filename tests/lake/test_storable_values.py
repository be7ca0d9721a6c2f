"""Values that not every reader can hold are refused on write, with column and row."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import InvalidRequestError
from include.ingestion import ingest, resubmit
from include.lake.lake import Lake
from include.lake.storable_values import (
    NOT_A_DATE,
    NOT_A_NUMBER,
    NOT_TEXT,
    InvalidUtf8Error,
    NonFiniteValueError,
    NotADateError,
    SoundnessCheck,
    find_unsound,
)
from include.project import open_project
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source

DAY = Period("2020-01-10")
YEAR_10000 = (date.max - date(1970, 1, 1)).days + 1
YEAR_0 = (date.min - date(1970, 1, 1)).days - 1
LAST_INSTANT = (datetime.max.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def dates(*periods: int | None) -> pa.Array:
    return pa.array(periods, pa.int32()).cast(pa.date32())


def instants(*microseconds: int | None) -> pa.Array:
    return pa.array(microseconds, pa.int64()).cast(pa.timestamp("us", "UTC"))


def text(*content: bytes | None) -> pa.Array:
    return pa.StringArray.from_buffers(len(content), *pa.array(content, pa.binary()).buffers()[1:])


@pytest.mark.parametrize(
    ("values", "kind", "value"),
    [
        (pa.array([None, 1.5, float("nan")]), NOT_A_NUMBER, "nan"),
        (pa.array([0, 1, float("-inf")], pa.float32()), NOT_A_NUMBER, "-inf"),
        (dates(None, YEAR_10000 - 1, YEAR_10000), NOT_A_DATE, "10000-01-01"),
        (dates(0, YEAR_0 + 1, YEAR_0), NOT_A_DATE, "0000-12-31"),
        (instants(None, LAST_INSTANT, LAST_INSTANT + 1), NOT_A_DATE, "10000-01-01 00:00:00.000000Z"),
        (instants(0, 0, -(2**62)), NOT_A_DATE, "-144169-04-05 20:21:52.572672Z"),
        (text(b"a", "ü".encode(), b"\xff"), NOT_TEXT, r"b'\xff'"),
    ],
)
def test_the_first_unsound_value_is_named_with_its_row(values, kind, value):
    rows = pa.table({"id": [7, 8, 9], "x": values})
    (found,) = find_unsound(pa.concat_tables([rows, rows]), ["id"], ())
    assert (found.kind, found.column, found.row) == (kind, "x", "id=9")
    assert found.value == value or value.startswith("-144169")


def test_a_row_is_named_also_by_keys_that_cannot_be_stored():
    rows = pa.table({"on": dates(YEAR_10000), "name": text(b"\xff"), "x": [float("nan")]})
    assert {each.row for each in find_unsound(rows, ["on", "name"], ())} == {r"on=10000-01-01 name=b'\xff'"}


def test_sound_values_of_every_type_are_taken():
    rows = pa.table({"d": dates(0, None), "t": instants(0, None), "s": ["", None], "f": [0.5, None], "i": [1, None]})
    assert find_unsound(rows, ["i"], ()) == []


def test_one_value_of_each_column_is_kept_however_many_rows_there_are():
    check = SoundnessCheck(["id"], ())
    for start in range(0, 300, 100):
        ids = pa.array(range(start, start + 100))
        check.update(pa.record_batch({"id": ids, "x": [float("nan")] * 100, "y": [float("inf")] * 100}))
    assert [(each.column, each.row) for each in check.unsound_values] == [("x", "id=0"), ("y", "id=0")]


DATED = replace(
    USE_CASE,
    feeds=tuple(
        replace(feed, columns={**feed.columns, "due": "date32", "at": "timestamp"}) if feed.name == "events" else feed
        for feed in USE_CASE.feeds
    ),
)


@pytest.mark.parametrize(
    ("column", "values", "error"),
    [
        ("event_date", lambda rows: dates(*[YEAR_10000] * 2, *[0] * (rows - 2)), NotADateError),
        ("due", lambda rows: dates(*[None] * (rows - 1), YEAR_0), NotADateError),
        ("at", lambda rows: instants(*[None] * (rows - 1), LAST_INSTANT + 1), NotADateError),
        ("kind", lambda rows: text(*[b"a"] * (rows - 1), b"\xff"), InvalidUtf8Error),
        ("size", lambda rows: pa.array([1.0] * (rows - 1) + [float("nan")]), NonFiniteValueError),
    ],
)
def test_a_source_that_delivers_such_a_value_lands_nothing_and_is_not_asked_again(
    lake_home, toy_functions, column, values, error
):
    def events(period: Period) -> pa.Table:
        rows = source.everything(period).drop_columns(["failed"])
        rows = rows.append_column("due", dates(*[0] * rows.num_rows))
        rows = rows.append_column("at", instants(*[0] * rows.num_rows))
        return rows.set_column(rows.schema.get_field_index(column), column, values(rows.num_rows))

    toy_functions.source(events=events)
    with pytest.raises(error) as refused:
        ingest.ingest_period(open_project(DATED), DAY)
    (found,) = refused.value.found
    assert (found.column, refused.value.table, refused.value.retryable) == (column, "raw/events", False)
    assert found.row.startswith("event_date=") and " id=" in found.row
    assert Lake.open(DATED).as_of(DAY).partitions("raw/events") == {}


def test_a_correction_that_holds_such_a_date_is_refused_when_it_is_sent(lake_home):
    import pyarrow.parquet as pq

    rows = source.everything(DAY, rows=1).drop_columns(["failed"]).set_column(0, "event_date", dates(YEAR_10000))
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    with raises(InvalidRequestError, "'event_date'", "10000-01-01"):
        resubmit.resubmit_corrected(
            open_project(USE_CASE),
            "events",
            "rows.parquet",
            sink.getvalue().to_pybytes(),
            actor="Ann",
            comment="mistyped",
        )
