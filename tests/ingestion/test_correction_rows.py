"""Corrected rows keep their values if columns were redeclared, or are quarantined again."""

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.ingestion import ingest, quarantine, reconcile, resubmit, validate
from include.ingestion.correction_errors import ValueLostError
from include.ingestion.correction_rows import UNHELD, add_corrections, brought_rows
from include.ingestion.corrections import Correction
from include.lake.lake import Lake
from include.lake.schemas import arrow_type
from include.maintenance.rebuild import rebuild_table
from include.project import open_project
from include.use_case import Suite
from tests.quarantined import ASKED, DAY, HOUR, NEXT, spoil
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, source


def correction(values: list, kind: str, number: int = 1) -> Correction:
    rows = pa.table({"id": list(range(len(values))), "x": pa.array(values, arrow_type(kind))})
    said = {
        "actor": "Ann",
        "comment": "mistyped",
        "recorded_at": "2020-01-10T00:00:00+00:00",
        "known_on": Period("2020-01-11"),
    }
    return Correction(kind="correct", number=number, rows=rows, **said)


def declared(kind: str) -> pa.Schema:
    return pa.schema([("id", pa.int64()), ("x", arrow_type(kind))])


KEPT = [
    ("int32", "float64", [25, None], [25.0, None]),
    ("int32", "int8", [25, -128], [25, -128]),
    ("int32", "bool", [1, 0, None], [True, False, None]),
    ("bool", "int8", [True], [1]),
    ("float64", "int32", [25.0, None], [25, None]),
    ("int64", "float64", [2**53], [2.0**53]),
    ("float64", "float32", [0.5], [0.5]),
    ("string", "string", ["a"], ["a"]),
]


@pytest.mark.parametrize(("old", "new", "sent", "expected"), KEPT)
def test_values_that_the_declared_type_holds_are_brought(old, new, sent, expected):
    brought = brought_rows(declared(new), [correction(sent, old)])
    assert brought.rows.schema == declared(new)
    assert (brought.rows["x"].to_pylist(), brought.unheld) == (expected, [[] for _ in sent])


CHANGED = [
    ("int32", "bool", 25),
    ("int32", "date32", 25),
    ("int32", "string", 25),
    ("string", "int32", "25"),
    ("float64", "int32", 25.75),
    ("int32", "int8", 300),
    ("int64", "float64", 2**53 + 1),
    ("float64", "float32", 1e300),
    ("date32", "timestamp", DAY.start_date),
]


@pytest.mark.parametrize(("old", "new", "value"), CHANGED)
def test_a_value_that_would_change_is_left_out_and_named_and_its_neighbours_are_kept(old, new, value):
    sent = [correction([None, value], old), correction([value], old, number=2), correction([None], old, number=3)]
    brought = brought_rows(declared(new), sent)
    assert brought.rows["x"].to_pylist() == [None] * 4
    assert brought.rows["id"].to_pylist() == [0, 1, 0, 0]
    said = f"{UNHELD}x={value} was {old} in correction {{}} and is declared {new} now"
    assert [[reason.split(";")[0] for reason in each] for each in brought.unheld] == [
        [],
        [said.format(1)],
        [said.format(2)],
        [],
    ]


def test_of_one_column_each_value_is_judged_alone():
    brought = brought_rows(declared("int8"), [correction([1, 300, None, 300, 2], "int64")])
    assert brought.rows["x"].to_pylist() == [1, None, None, None, 2]
    assert [bool(each) for each in brought.unheld] == [False, True, False, True, False]


def test_a_column_that_was_declared_since_is_null_and_one_no_longer_declared_is_left_out():
    newer = pa.schema([("id", pa.int64()), ("y", pa.float32())])
    brought = brought_rows(newer, [correction([1], "int8")])
    assert (brought.rows.to_pylist(), brought.unheld) == ([{"id": 0, "y": None}], [[]])


def test_rows_without_the_declared_columns_are_left_to_the_lake_to_refuse():
    wrong = declared("int8").empty_table().drop_columns(["x"])
    assert add_corrections(wrong, declared("int8"), []) is wrong


def with_hour(kind: str):
    """The toy use case with that type for the hour of an event."""
    feeds = [
        replace(feed, columns={**feed.columns, "hour": kind}) if feed.name == "events" else feed
        for feed in USE_CASE.feeds
    ]
    return replace(USE_CASE, feeds=tuple(feeds))


@pytest.fixture
def redeclared(lake_home, monkeypatch, toy_functions):
    """The toy after hour=25 was released, and `hour` was redeclared as a bool and its tables rebuilt from that day."""
    kept = source.events
    with monkeypatch.context() as patch:
        spoil(patch, "events", "hour", [25], DAY)
        ingest.ingest_period(open_project(USE_CASE), DAY), validate.validate_period(open_project(USE_CASE), DAY)
        resubmit.resubmit_released(open_project(USE_CASE), "events", [HOUR], **ASKED)
    use_case = with_hour("bool")

    def events(period: Period) -> pa.Table:
        rows = kept(period)
        place = rows.schema.get_field_index("hour")
        return rows.set_column(place, "hour", pa.array([hour > 12 for hour in rows["hour"].to_pylist()]))

    toy_functions.source(events=events)
    toy_functions.expectations(events=Suite)
    for table in ("raw/events", "checked/events"):
        rebuild_table(open_project(use_case), table, DAY, apply=True)
    ingest.ingest_period(open_project(use_case), DAY), validate.validate_period(open_project(use_case), DAY)
    return use_case


def test_such_a_row_is_quarantined_again_and_the_rest_of_its_day_published(redeclared):
    ingest.ingest_period(open_project(redeclared), NEXT)
    done = validate.validate_period(open_project(redeclared), NEXT)["events"]
    assert (done.landed, done.published, done.quarantined) == (201, 200, 1)
    again = quarantine.read_quarantine(open_project(redeclared), "events", NEXT)
    (row,) = again.rows.to_pylist()
    assert (row["event_date"], row["id"], row["hour"]) == (DAY.start_date, 0, None)
    assert row["reasons"] == [
        f"{UNHELD}hour=25 was int32 in correction 1 and is declared bool now; correct the row with a value of that type"
    ]
    assert not ingest.ingest_period(open_project(redeclared), NEXT)["events"].changed
    assert not validate.validate_period(open_project(redeclared), NEXT)["events"].commit.changed
    assert [each.faults for each in reconcile.reconcile(open_project(redeclared))] == [(), ()]


def test_it_can_be_corrected_in_the_new_type_and_not_released(redeclared):
    ingest.ingest_period(open_project(redeclared), NEXT), validate.validate_period(open_project(redeclared), NEXT)
    again = quarantine.read_quarantine(open_project(redeclared), "events", NEXT)
    (reason,) = again.rows["reasons"].to_pylist()[0]
    with raises(ValueLostError, reason=reason):
        resubmit.resubmit_released(open_project(redeclared), "events", [reason], **ASKED)
    (row,) = again.rows.to_pylist()
    text = f"quarantined_row,event_date,id,kind,size,hour,urgent\n{row['digest']},2020-01-10,0,nut,1.5,true,false\n"
    done = resubmit.resubmit_corrected(open_project(redeclared), "events", "rows.csv", text.encode(), **ASKED)
    period = Period(done.known_on)
    ingest.ingest_period(open_project(redeclared), period), validate.validate_period(open_project(redeclared), period)
    checked = Lake.open(redeclared).as_of(period).read("checked/events", period).to_pylist()
    assert [(each["hour"], each["reasons"]) for each in checked if each["event_date"] == DAY.start_date] == [(True, [])]
