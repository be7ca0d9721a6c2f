"""Refused resubmissions: the error says what is wrong and what to do, and nothing changes."""

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import InvalidRequestError, NotReadyError
from include.ingestion import ingest, quarantine, reconcile, resubmit, uploads, validate
from include.ingestion.correction_log import CorrectionLog
from include.lake.lake import Lake
from include.project import open_project
from tests.quarantined import (
    BOTH,
    DAY,
    EVENTS,
    FAILED,
    HOUR,
    NEXT,
    edited,
    land,
    released,
    rows_of,
    sent,
    spoil,
)
from tests.toy_use_case import USE_CASE, expectations, source

pytestmark = pytest.mark.both_places(long=True)


@pytest.fixture(autouse=True)
def _home(lake_home):
    """Every test has a lake of its own."""


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (DAY, "is not after 2020-01-10"),
        (Period("2019-01-01"), "is not after 2020-01-10"),
        (NEXT, "is landed or decided already"),
        (Period("2020-03-01"), "more than 31 days after the first free day"),
    ],
)
def test_a_day_that_is_settled_is_refused_and_the_first_free_one_named(bad_hours, day, said):
    land("events", NEXT)
    with pytest.raises(InvalidRequestError, match=rf"{said}.*first free day of feed 'events' is 2020-01-12"):
        sent("events", edited(*BOTH), known_on=day)
    assert CorrectionLog.of(open_project(USE_CASE), "events").standing() == []


def test_a_day_may_be_named_if_it_is_free(bad_hours):
    assert sent("events", edited(*BOTH), known_on=Period("2020-01-15")).known_on == "2020-01-15"


def test_a_day_that_landed_before_there_were_corrections_is_settled_too(bad_hours):
    Lake.open(USE_CASE).replace(
        "features",
        NEXT,
        source.everything(NEXT).select(["event_date", "id", "kind", "size", "hour", "urgent"]),
        inputs={},
        stage="build",
    )
    assert sent("events", edited(*BOTH)).known_on == "2020-01-12"


FAR = Period("2020-03-20")
"""A day long after the others, which alone was run: of the days between, nothing is there."""


def test_after_a_gap_rows_become_known_after_the_newest_day_and_not_in_the_gap(bad_hours):
    """As where past days were backfilled and the daily runs have gone on since."""
    land("events", FAR)
    assert sent("events", edited(*BOTH)).known_on == "2020-03-21"


@pytest.mark.parametrize("named", [Period("2020-03-21"), Period("2020-04-21")])
def test_days_ahead_are_counted_from_the_newest_day(bad_hours, named):
    land("events", FAR)
    assert sent("events", edited(*BOTH), known_on=named).known_on == named.key


def test_a_day_of_a_gap_is_refused_if_a_later_one_is_decided(bad_hours):
    """Else a corrected outcome would be read when metrics and decisions of that later day are made again."""
    made = source.everything(FAR).select(["event_date", "id"]).append_column("probability", pa.array([0.5] * 200))
    made = made.append_column("predicted_positive", pa.array([False] * 200)).append_column(
        "model_version", pa.array(["1"] * 200)
    )
    Lake.open(USE_CASE).replace("predictions", FAR, made, inputs={}, stage="score")
    for day in (NEXT, Period("2020-03-19")):
        with pytest.raises(
            InvalidRequestError, match=rf"{day} lies before 2020-03-20, .* first free day .* is 2020-03-21"
        ):
            sent("events", edited(*BOTH), known_on=day)
    assert CorrectionLog.of(open_project(USE_CASE), "events").standing() == []
    assert sent("events", edited(*BOTH)).known_on == "2020-03-21"


def test_a_day_of_a_gap_may_be_named_while_nothing_later_is_decided(bad_hours):
    land("events", FAR)
    assert sent("events", edited(*BOTH), known_on=NEXT).known_on == "2020-01-11"


def test_a_day_declared_absent_is_passed_over_and_refused(bad_hours, monkeypatch):
    absent = replace(EVENTS, missing_periods=EVENTS.missing_periods | {NEXT})
    monkeypatch.setattr("tests.quarantined.USE_CASE", replace(USE_CASE, feeds=(absent, *USE_CASE.feeds[1:])))
    with pytest.raises(
        InvalidRequestError, match=r"2020-01-11 is declared absent\. The first free day .* is 2020-01-12"
    ):
        sent("events", edited(*BOTH), known_on=NEXT)
    assert sent("events", edited(*BOTH)).known_on == "2020-01-12"


def test_a_day_that_landed_empty_is_settled(bad_hours, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(source, "events", lambda day: source.everything(day, rows=0).drop_columns(["failed"]))
        ingest.land_feed(open_project(USE_CASE), EVENTS, NEXT)
    assert sent("events", edited(*BOTH)).known_on == "2020-01-12"


def test_a_day_without_its_corrections_in_raw_is_not_validated(bad_hours):
    sent("events", edited(*BOTH))
    land("events", NEXT)
    Lake.open(USE_CASE).replace("raw/events", NEXT, source.events(NEXT), inputs={}, stage="ingest")
    with pytest.raises(NotReadyError, match=r"landed without all of its 1 correction.*`ingest`"):
        validate.check_feed(open_project(USE_CASE), EVENTS, NEXT)
    assert any(
        "landed without its corrections" in fault for fault in reconcile.reconcile(open_project(USE_CASE))[0].faults
    )


def test_commits_name_the_corrections_they_hold_and_others_name_none(bad_hours):
    from include.lake import history

    sent("events", edited(*BOTH))
    land("events", NEXT)
    for table in ("raw/events", "checked/events"):
        notes = {note.period: note.inputs for note in history.read_commit_notes(Lake.open(USE_CASE).uri(table))}
        assert notes[NEXT]["corrections/events"].startswith("b2-")
        assert "corrections/events" not in notes[DAY]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("a,b\n1,2\n", r"lacks \['event_date', .*has undeclared \['a', 'b'\]"),
        ('"event_date","id","kind","size","hour","urgent"\n2020-01-10,0,x,1.0,noon,false\n', "cannot be read.*noon"),
        ('"event_date","id","kind","size","hour","urgent"\n', "holds no rows"),
        (
            '"event_date","id","kind","size","hour","urgent"\n2020-01-10,77,x,1.0,5,false\n',
            "id=77, but no quarantined row has",
        ),
        ('"event_date","id","kind","size","hour","urgent"\n2020-01-10,0,x,nan,5,false\n', "'size' holds NaN"),
        ('"id","id","event_date","kind","size","hour","urgent"\n0,0,2020-01-10,x,1.0,5,false\n', r"has twice \['id'\]"),
        (
            '"quarantined_row","event_date","id","kind","size","hour","urgent"\n2020-01-10.ff,2020-01-10,0,x,1.0,5,false\n',
            "the id '2020-01-10.ff', but no quarantined row has",
        ),
        (
            '"event_date","id","kind","size","hour","urgent"\n' + "2020-01-10,0,x,1.0,5,false\n" * 2,
            "corrects the same row several times",
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_what_is_wrong(bad_hours, text, said):
    with pytest.raises(InvalidRequestError, match=said):
        sent("events", text)
    assert CorrectionLog.of(open_project(USE_CASE), "events").standing() == []


def test_rows_that_did_not_change_are_refused(bad_hours):
    with pytest.raises(InvalidRequestError, match=r"Rows \[2\] of the file are as they were quarantined"):
        sent("events", edited(BOTH[0]))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: released("weather", HOUR), "no feed 'weather'; it has"),
        (
            lambda: released("events", HOUR, period=NEXT),
            "no quarantined row on 2020-01-11; days with quarantined rows: 2020-01-10",
        ),
        (lambda: released("events", FAILED), "is quarantined for"),
        (lambda: released("events"), "Name the reasons"),
        (lambda: released("events", HOUR, ids=["2020-01-10.beef"]), "No row is quarantined under"),
        (lambda: released("events", HOUR, comment="  "), "Give a reason"),
    ],
)
def test_a_release_that_cannot_be_is_refused(bad_hours, ask, said):
    with pytest.raises(InvalidRequestError, match=said):
        ask()


def test_a_row_with_a_second_reason_is_not_released_by_one(monkeypatch):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    kinds = gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["bolt", "nut", "rivet", "screw"])
    monkeypatch.setattr(expectations, "events", lambda: Suite(rows=(*HOURS, kinds), table=()))
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    spoil(monkeypatch, "events", "kind", ["cog"], DAY)
    land("events", DAY)
    with pytest.raises(
        InvalidRequestError, match=r"quarantined for .*kind: expect_column_values_to_be_in_set.*would be again"
    ):
        released("events", HOUR)
    other = "kind: expect_column_values_to_be_in_set(value_set=['bolt', 'nut', 'rivet', 'screw'])"
    released("events", HOUR, other)
    land("events", NEXT)
    assert sum(bool(row["reasons"]) for row in rows_of("checked/events", NEXT)) == 0


def test_a_release_for_one_limit_does_not_release_a_row_that_breaks_another(monkeypatch):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    between = gxe.ExpectColumnValuesToBeBetween
    rules = tuple(between(column="hour", max_value=most, description="too late") for most in (22, 40))
    monkeypatch.setattr(expectations, "events", lambda: Suite(rows=rules))
    spoil(monkeypatch, "events", "hour", [99, 23], DAY)
    land("events", DAY)
    first, second = (f"too late [hour: expect_column_values_to_be_between(max_value={most})]" for most in (22, 40))
    with pytest.raises(InvalidRequestError, match=r"also quarantined for .*max_value=40"):
        released("events", first)
    with pytest.raises(InvalidRequestError, match="Several reasons begin with this text"):
        released("events", "too late")
    released("events", first, ids=[row for row in ids_of("events") if "max_value=40" not in ids_of("events")[row]])
    land("events", NEXT)
    published = [row["hour"] for row in rows_of("checked/events", NEXT) if not row["reasons"]]
    assert (99 in published, 23 in published) == (False, True)
    assert second in str(ids_of("events").values())


def test_a_description_alone_names_the_reason_it_belongs_to(monkeypatch):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    rule = gxe.ExpectColumnValuesToBeBetween(column="hour", max_value=22, description="too late")
    monkeypatch.setattr(expectations, "events", lambda: Suite(rows=(rule,)))
    spoil(monkeypatch, "events", "hour", [23], DAY)
    land("events", DAY)
    assert released("events", "too late").rows == len(ids_of("events"))


def ids_of(feed: str) -> dict[str, str]:
    found = quarantine.read_quarantine(open_project(USE_CASE), feed, DAY).rows
    return dict(zip(found["digest"].to_pylist(), map(str, found["reasons"].to_pylist()), strict=True))


def test_a_row_without_a_key_is_never_released(monkeypatch):
    spoil(monkeypatch, "events", "id", [None], DAY)
    land("events", DAY)
    with pytest.raises(InvalidRequestError, match=r"no value in the key 'id', and keys are never null"):
        released("events", "keys must not be null: id")
    with pytest.raises(InvalidRequestError, match=r"no value in the key 'id'"):
        sent("events", '"event_date","id","kind","size","hour","urgent"\n2020-01-10,,"nut",1.5,3,false\n')


HOURS = expectations.events().rows


def test_rows_that_an_expectation_cannot_judge_are_refused_before_they_stop_a_day(bad_hours, monkeypatch):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    raising = gxe.ExpectColumnValuesToMatchJsonSchema(column="kind", json_schema={"type": "object"})
    monkeypatch.setattr(expectations, "events", lambda: Suite(rows=(raising,), table=()))
    with pytest.raises(InvalidRequestError, match="cannot judge these rows"):
        sent("events", edited(*BOTH))


def asked(**fields) -> resubmit.ResubmissionRequest:
    empty = dict.fromkeys(("quarantined_on", "reasons", "rows", "file", "known_on"))
    return resubmit.ResubmissionRequest(
        **{"feed": "events", "action": "release", "comment": "mistyped", "actor": "Ann", **empty, **fields}
    )


def test_a_form_corrects_with_a_file_of_the_inbox(bad_hours):
    (uploads.upload_folder(USE_CASE) / "hours.csv").write(edited(*BOTH).encode())
    assert resubmit.resubmit_rows(open_project(USE_CASE), asked(action="correct", file="hours.csv")).rows == 2


def test_a_form_releases_by_reason(bad_hours):
    assert resubmit.resubmit_rows(open_project(USE_CASE), asked(reasons=[HOUR], quarantined_on=DAY)).kind == "release"


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "correct"},
        {"action": "correct", "file": "a.csv", "reasons": [HOUR]},
        {"action": "correct", "file": "a.csv", "rows": ["x"]},
        {"action": "release", "file": "a.csv", "reasons": [HOUR]},
        {"action": "drop", "file": "a.csv"},
    ],
)
def test_a_form_that_contradicts_itself_is_refused(bad_hours, fields):
    with pytest.raises(InvalidRequestError, match=r"To correct rows, name a file|leave the file"):
        resubmit.resubmit_rows(open_project(USE_CASE), asked(**fields))
