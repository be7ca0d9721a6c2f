"""What a run is for, in its note and in its id."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.timetables.simple import NullTimetable
from airflow.utils.types import DagRunType
from pendulum import instance

from include.declaration.calendars import Hourly
from include.declaration.period import Period
from include.orchestration import requested_run, run_notes
from include.orchestration.requested_run import LARGEST, KeepRequestedRun
from include.orchestration.timetable import PeriodTimetable

TRIGGERED = datetime(2013, 5, 13, 3, tzinfo=UTC)  # 12 May in New York
NEW_YORK = PeriodTimetable(timezone="America/New_York")


def dag(dag_id="toy__data", timetable=NEW_YORK):
    return SimpleNamespace(dag_id=dag_id, timetable=timetable)


def note(dag_id="toy__data", key=None, timetable=NEW_YORK, **conf):
    return run_notes.run_note(dag(dag_id, timetable), key, conf, TRIGGERED)


def test_a_run_notes_the_period_of_its_key_or_form():
    assert note(key="2013-05-01") == note(period="2013-05-01") == "Day 2013-05-01"


def test_a_run_without_a_period_notes_the_newest_in_the_zone_of_the_use_case():
    assert note() == "Day 2013-05-12, the newest when it was triggered"
    ended = PeriodTimetable(timezone="America/New_York", last=Period("2013-05-02"))
    assert note(timetable=ended).startswith("Day 2013-05-02,")
    hours = PeriodTimetable(Hourly(), timezone="UTC")
    assert note(timetable=hours).startswith("Hour 2013-05-13T03Z,")


@pytest.mark.parametrize(
    ("kind", "conf", "expected"),
    [
        ("backfill", {"first": "2013-01-01", "last": "2013-01-31"}, "2013-01-01 to 2013-01-31"),
        ("rollback", {"version": "4", "effective_from": "2013-05-14"}, "Version 4 from 2013-05-14"),
        ("reproduce", {"version": "4"}, "Version 4"),
        ("quarantine", {"feed": "events", "action": "release"}, "Release rows of events"),
        ("maintenance", {}, "Dry run"),
        ("maintenance", {"apply_changes": True}, "Removes"),
        ("reproduce", {"version": "<b>4</b>"}, ""),
        ("other", {}, ""),
    ],
)
def test_a_run_that_a_person_starts_notes_what_its_form_names(kind, conf, expected):
    assert note(f"toy__{kind}", timetable=NullTimetable(), **conf) == expected


def test_a_form_that_names_no_period_of_the_calendar_has_no_note():
    assert note(period="[look](http://evil.example)") == ""


def test_the_note_of_a_person_is_kept():
    run = SimpleNamespace(dag=dag(), note="by Ann", partition_key="2013-05-01", conf={}, run_after=TRIGGERED)
    run_notes.on_dag_run_running(run)
    assert run.note == "by Ann"
    run.note = None
    run_notes.on_dag_run_running(run)
    assert run.note == "Day 2013-05-01"


def triggered(body, path="/api/v2/dags/toy__data/dagRuns", chunk=10):
    """The id of the run that a request triggers, and the body that Airflow reads."""
    sent = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
    messages = [{"type": "http.request", "body": part, "more_body": part is not sent[-1]} for part in sent]
    found = {}

    async def airflow(scope, receive, send):
        read, more = b"", True
        while more:
            message = await receive()
            read, more = read + message["body"], message["more_body"]
        found["body"] = read
        found["id"] = NEW_YORK.generate_run_id(
            run_type=DagRunType.MANUAL, run_after=instance(TRIGGERED), data_interval=None
        )

    async def receive():
        return messages.pop(0)

    scope = {"type": "http", "method": "POST", "path": path}
    asyncio.run(KeepRequestedRun(airflow)(scope, receive, None))
    assert requested_run.REQUESTED.get() is None
    return found["id"], found["body"]


@pytest.mark.parametrize(
    ("body", "period"),
    [
        ({"conf": {"period": "2013-05-01"}}, "2013-05-01"),
        ({"partition_key": "2013-05-02", "conf": {}}, "2013-05-02"),
        ({"conf": {"period": None}}, "2013-05-12"),
        ({"conf": None}, "2013-05-12"),
        ({}, "2013-05-12"),
    ],
)
def test_the_id_of_a_run_by_hand_has_its_period(body, period):
    sent = json.dumps(body).encode()
    run_id, read = triggered(sent)
    assert f"__{period}__" in run_id and run_id.startswith("manual__")
    assert read == sent


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'{"conf": 3}',
        b'{"conf": {"period": "yesterday"}}',
        b'{"conf": {"period": "../x"}}',
        json.dumps({"conf": {"period": "2013-05-01", "x": "y" * LARGEST}}).encode(),
    ],
    ids=["nothing", "broken", "a list", "a number", "a word", "a path", "large"],
)
def test_a_request_that_names_no_period_is_handed_on_as_it_is(body):
    run_id, read = triggered(body, chunk=50_000)
    assert read == body
    assert run_id.count("__") == 2  # type, time, random


def test_requests_to_other_addresses_are_not_read():
    run_id, read = triggered(b'{"conf": {"period": "2013-05-01"}}', path="/api/v2/dags/toy__data/clear")
    assert "2013-05-01" not in run_id and read
