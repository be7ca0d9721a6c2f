"""Quarantined rows become known on a later day; nothing known or decided before changes."""

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.features import build
from include.ingestion import ingest, quarantine, reconcile, resubmit, uploads, validate
from include.ingestion.correction_errors import (
    CommentMissingError,
    CorrectedTwiceError,
    CorrectionFileError,
    CorrectionsEmptyError,
    CorrectionsMissingError,
    FeedUnknownError,
    FieldsConflictError,
    KeyMissingError,
    KeysRepeatedError,
    NothingQuarantinedError,
    NotQuarantinedError,
    NumbersNotFiniteError,
    OtherReasonsError,
    PeriodNotFreeError,
    ReasonsAmbiguousError,
    ReasonsMissingError,
    ReasonsUnknownError,
    ResubmittedBeforeError,
    RowAmbiguousError,
    RowsNotJudgedError,
    RowsUnchangedError,
    RowsUnknownError,
)
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.free_period import AHEAD_DAYS
from include.lake.lake import Lake
from include.project import open_project
from tests.properties.orders import contents
from tests.quarantined import (
    ASKED,
    BOTH,
    BOTH_OTHERWISE,
    DAY,
    EVENTS,
    FAILED,
    HOUR,
    NEXT,
    edited,
    exported,
    land,
    released,
    rows_of,
    run_days,
    sent,
    spoil,
)
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, expectations, source

pytestmark = pytest.mark.both_places(long=True)
HEADER = '"event_date","id","kind","size","hour","urgent"\n'


@pytest.fixture(autouse=True)
def _home(lake_home):
    """Every test has a lake of its own."""


def states(feed: str = "events") -> list[str]:
    return quarantine.read_quarantine(open_project(USE_CASE), feed).states()


def test_corrected_rows_are_published_on_the_first_free_day_and_the_past_stays(bad_hours):
    run_days(DAY)
    before = contents(USE_CASE)
    done = sent("events", edited(*BOTH))
    assert (done.known_on, done.rows, done.again, done.new) == ("2020-01-11", 2, {}, True)
    assert states() == [f"corrected by Ann, correction 1, known on {NEXT} (that period is not landed yet)"] * 2
    run_days(DAY, NEXT)
    after = contents(USE_CASE)
    assert {table: periods[DAY] for table, periods in before.items() if DAY in periods} == {
        table: periods[DAY] for table, periods in after.items() if DAY in periods
    }
    known = [row for row in rows_of("checked/events", NEXT) if row["event_date"] == DAY.start_date]
    assert [(row["hour"], row["reasons"]) for row in known] == [(5, []), (1, [])]
    assert states() == [f"corrected by Ann, correction 1, known on {NEXT}"] * 2


def test_an_event_of_a_day_that_is_over_is_not_scored_on_the_day_it_becomes_known(bad_hours):
    sent("events", edited(*BOTH))
    run_days(NEXT)
    assert {row["event_date"] for row in rows_of("features", NEXT)} == {NEXT.start_date}
    assert len(rows_of("features", NEXT)) == 200


def test_a_corrected_outcome_becomes_a_label_as_late_ones_do(monkeypatch):
    spoil(monkeypatch, "outcomes", "failed", [7], DAY)
    run_days(DAY)
    (bad,) = [row for row in rows_of("checked/outcomes", DAY) if row["reasons"]]
    sent("outcomes", exported("outcomes").replace(f",{bad['id']},7", f",{bad['id']},1"))
    run_days(NEXT)
    key = (bad["event_date"], bad["id"])
    assert key not in {(row["event_date"], row["id"]) for row in rows_of("labels", DAY)}
    assert {(row["event_date"], row["id"]): row["failed"] for row in rows_of("labels", NEXT)}[key] == 1


def test_a_released_reason_is_waived_for_those_rows_alone(monkeypatch):
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    spoil(monkeypatch, "events", "hour", [24], NEXT)
    land("events", DAY)
    released("events", HOUR)
    land("events", NEXT)
    hours = {
        (Period.from_date(row["event_date"]), row["hour"]): row["reasons"] for row in rows_of("checked/events", NEXT)
    }
    assert (hours[DAY, 25], hours[DAY, -1], hours[NEXT, 24]) == ([], [], [HOUR])


def test_a_row_corrected_wrongly_is_said_so_and_quarantined_again_and_can_be_corrected_again(bad_hours):
    done = sent("events", edited((",25,", ",26,"), (",-1,", ",1,")))
    assert done.again == {HOUR: 1}
    assert f"quarantined again: 1 for '{HOUR}'" in done.summary
    land("events", NEXT)
    found = quarantine.read_quarantine(open_project(USE_CASE), "events", NEXT)
    assert found.states() == ["open"]
    sent("events", found.exported().decode().replace(",26,", ",6,"))
    land("events", NEXT + 1)
    assert [each.open for each in reconcile.reconcile(open_project(USE_CASE), ask_source=True)] == [0, 0]


def test_the_same_again_changes_nothing_also_from_another_person_and_after_the_day_has_landed(bad_hours):
    text = edited(*BOTH)
    first = sent("events", text)
    land("events", NEXT)
    again = sent("events", text, actor="Bob", comment="says the same")
    assert (again.number, again.new, again.known_on) == (first.number, False, first.known_on)
    assert "already exists" in again.summary


def test_a_row_is_replayed_once_and_it_is_said_where_it_went(bad_hours):
    sent("events", edited(*BOTH))
    with raises(ResubmittedBeforeError, "Ann", "2020-01-11", count=2) as again:
        released("events", HOUR)
    assert set(again.value.ids) == set(ids_of("events"))
    with raises(ResubmittedBeforeError, count=2):
        sent("events", BOTH_OTHERWISE)


def test_a_file_without_ids_is_matched_by_the_keys(bad_hours):
    assert sent("events", BOTH_OTHERWISE).rows == 2
    land("events", NEXT)
    assert [row["hour"] for row in rows_of("checked/events", NEXT) if row["event_date"] == DAY.start_date] == [9, 9]


def test_a_parquet_file_is_as_good(bad_hours):
    import pyarrow.parquet as pq

    rows = quarantine.read_quarantine(open_project(USE_CASE), "events", DAY).content
    rows = rows.set_column(rows.schema.get_field_index("hour"), "hour", pa.array([3, 4], pa.int32()))
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    done = resubmit.resubmit_corrected(
        open_project(USE_CASE), "events", "rows.parquet", sink.getvalue().to_pybytes(), **ASKED
    )
    assert done.rows == 2


def test_some_rows_may_be_corrected_and_the_rest_released_later(bad_hours):
    lines = edited(BOTH[0]).splitlines()
    sent("events", "\n".join(lines[:2]))
    released("events", HOUR)
    land("events", NEXT)
    (count,) = quarantine.count_quarantined(quarantine.read_quarantine(open_project(USE_CASE), "events"))
    assert (count.period, count.reason, count.open, count.corrected, count.released) == (DAY, HOUR, 0, 1, 1)


def test_the_key_itself_can_be_corrected_by_the_rows_id(bad_hours):
    sent("events", edited((",0,", ",1000,"), *BOTH))
    land("events", NEXT)
    assert {row["id"] for row in rows_of("checked/events", NEXT) if row["event_date"] == DAY.start_date} == {1000, 1}


def test_a_correction_cannot_coexist_with_a_row_of_its_keys_nor_harm_it(bad_hours):
    """Else two rows of one key would be published, and no feature could be made of the day."""
    sent("events", edited(("2020-01-10,0,", "2020-01-11,0,"), *BOTH))
    run_days(NEXT)
    twins = [row for row in rows_of("checked/events", NEXT) if (row["event_date"], row["id"]) == (NEXT.start_date, 0)]
    assert sorted(row["reasons"] for row in twins) == [[], ["another row of the day has the same keys"]]
    assert len(rows_of("features", NEXT)) == 200


def test_no_correction_refuses_a_day(monkeypatch, toy_functions):
    """Limits of the day as a whole are about what the source delivered."""
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    rows = expectations.events().rows
    exactly = gxe.ExpectTableRowCountToEqual(value=200)
    toy_functions.expectations(events=lambda: Suite(rows=rows, table=(exactly,)))
    spoil(monkeypatch, "events", "hour", [25] * 10, DAY)
    land("events", DAY)
    sent("events", exported("events", DAY).replace(",25,", ",26,"))
    land("events", NEXT)
    assert len(rows_of("checked/events", NEXT)) == 210


def test_a_day_without_delivered_rows_is_refused_although_it_has_corrections(bad_hours, toy_functions):
    from include.errors import FeedRefusedError

    sent("events", edited(*BOTH))
    toy_functions.source(events=lambda period: source.everything(period, rows=0).drop_columns(["failed"]))
    ingest.land_feed(open_project(USE_CASE), EVENTS, NEXT)
    with pytest.raises(FeedRefusedError) as refused_day:
        validate.check_feed(open_project(USE_CASE), EVENTS, NEXT)
    assert (refused_day.value.feed, refused_day.value.period) == ("events", NEXT)


def test_a_day_that_is_declared_absent_later_brings_its_corrections_all_the_same(bad_hours, toy_functions):
    """Otherwise a look-back would skip it, and its rows would wait for ever."""
    sent("events", edited(*BOTH))
    deliver, later = source.events, NEXT + 1
    toy_functions.source(events=lambda period: deliver(period).slice(0, 0 if period == NEXT else None))
    absent = replace(EVENTS, missing_periods=EVENTS.missing_periods | {NEXT})
    build.land_missing(open_project(replace(USE_CASE, feeds=(absent,))), NEXT, later)
    assert [(row["hour"], row["reasons"]) for row in rows_of("checked/events", NEXT)[:2]] == [(5, []), (1, [])]
    (events, _) = reconcile.reconcile(open_project(USE_CASE))
    assert (events.waiting, events.replayed, events.faults) == (0, 2, ())


def test_a_day_declared_absent_without_corrections_is_not_landed(monkeypatch):
    absent = replace(EVENTS, missing_periods=EVENTS.missing_periods | {NEXT})
    build.land_missing(open_project(replace(USE_CASE, feeds=(absent,))), NEXT, NEXT)
    assert CorrectionLog.open(open_project(USE_CASE), "events").closed_periods() == set()


def test_identical_rows_are_distinguished_and_corrected_one_by_one(monkeypatch):
    spoil(monkeypatch, "outcomes", "failed", [7, 7], DAY)
    spoil(monkeypatch, "outcomes", "id", [0, 0], DAY)
    spoil(monkeypatch, "outcomes", "event_date", [(DAY - 2).start_date] * 2, DAY)
    land("outcomes", DAY)
    first, second = quarantine.read_quarantine(open_project(USE_CASE), "outcomes", DAY).rows["digest"].to_pylist()
    assert second == f"{first}.2"
    with raises(RowAmbiguousError, line=1, ids=(first, second)):
        sent("outcomes", '"event_date","id","failed"\n2020-01-08,0,1\n')
    with raises(KeysRepeatedError, keys="event_date=2020-01-08, id=0"):
        sent("outcomes", exported("outcomes").replace(",7", ",1"))
    sent("outcomes", f"quarantined_row,event_date,id,failed\n{first},2020-01-08,0,1\n")
    assert [state == "open" for state in states("outcomes")] == [False, True]


# -- refused resubmissions: the error says what is wrong and what to do, and nothing changes

refused = pytest.mark.xdist_group("refused resubmissions")


@refused
@pytest.mark.parametrize(
    ("period", "problem", "limit"),
    [
        (DAY, "quarantined", DAY),
        (Period("2019-01-01"), "quarantined", DAY),
        (NEXT, "decided", None),
        (Period("2020-03-01"), "too far", NEXT + 1 + AHEAD_DAYS),
    ],
)
def test_a_day_that_is_settled_is_refused_and_the_first_free_one_named(bad_hours, period, problem, limit):
    land("events", NEXT)
    with raises(PeriodNotFreeError, period, period=period, problem=problem, limit=limit, free=NEXT + 1):
        sent("events", edited(*BOTH), known_on=period)
    assert CorrectionLog.open(open_project(USE_CASE), "events").accepted() == []


@refused
def test_a_day_may_be_named_if_it_is_free(bad_hours):
    assert sent("events", edited(*BOTH), known_on=Period("2020-01-15")).known_on == "2020-01-15"


@refused
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


@refused
def test_after_a_gap_rows_become_known_after_the_newest_day_and_not_in_the_gap(bad_hours):
    """As where past days were backfilled and the daily runs have gone on since."""
    land("events", FAR)
    assert sent("events", edited(*BOTH)).known_on == "2020-03-21"


@refused
@pytest.mark.parametrize("named", [Period("2020-03-21"), Period("2020-04-21")])
def test_days_ahead_are_counted_from_the_newest_day(bad_hours, named):
    land("events", FAR)
    assert sent("events", edited(*BOTH), known_on=named).known_on == named.key


@refused
def test_a_day_of_a_gap_is_refused_if_a_later_one_is_decided(bad_hours):
    """Else a corrected outcome would be read when metrics and decisions of that later day are made again."""
    made = source.everything(FAR).select(["event_date", "id"]).append_column("probability", pa.array([0.5] * 200))
    made = made.append_column("predicted_positive", pa.array([False] * 200)).append_column(
        "model_version", pa.array(["1"] * 200)
    )
    Lake.open(USE_CASE).replace("predictions", FAR, made, inputs={}, stage="score")
    for period in (NEXT, Period("2020-03-19")):
        with raises(PeriodNotFreeError, period=period, problem="before decided", limit=FAR, free=FAR + 1):
            sent("events", edited(*BOTH), known_on=period)
    assert CorrectionLog.open(open_project(USE_CASE), "events").accepted() == []
    assert sent("events", edited(*BOTH)).known_on == "2020-03-21"


@refused
def test_a_day_of_a_gap_may_be_named_while_nothing_later_is_decided(bad_hours):
    land("events", FAR)
    assert sent("events", edited(*BOTH), known_on=NEXT).known_on == "2020-01-11"


@refused
def test_a_day_declared_absent_is_passed_over_and_refused(bad_hours, monkeypatch):
    absent = replace(EVENTS, missing_periods=EVENTS.missing_periods | {NEXT})
    monkeypatch.setattr("tests.quarantined.USE_CASE", replace(USE_CASE, feeds=(absent, *USE_CASE.feeds[1:])))
    with raises(PeriodNotFreeError, period=NEXT, problem="missing", free=NEXT + 1):
        sent("events", edited(*BOTH), known_on=NEXT)
    assert sent("events", edited(*BOTH)).known_on == "2020-01-12"


@refused
def test_a_day_that_landed_empty_is_settled(bad_hours, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(source, "events", lambda period: source.everything(period, rows=0).drop_columns(["failed"]))
        ingest.land_feed(open_project(USE_CASE), EVENTS, NEXT)
    assert sent("events", edited(*BOTH)).known_on == "2020-01-12"


@refused
def test_a_day_without_its_corrections_in_raw_is_not_validated(bad_hours):
    sent("events", edited(*BOTH))
    land("events", NEXT)
    Lake.open(USE_CASE).replace("raw/events", NEXT, source.events(NEXT), inputs={}, stage="ingest")
    with raises(CorrectionsMissingError, feed="events", period=NEXT, count=1):
        validate.check_feed(open_project(USE_CASE), EVENTS, NEXT)
    assert any(
        "landed without its corrections" in fault for fault in reconcile.reconcile(open_project(USE_CASE))[0].faults
    )


@refused
def test_commits_name_the_corrections_they_hold_and_others_name_none(bad_hours):
    from include.lake import history

    sent("events", edited(*BOTH))
    land("events", NEXT)
    for table in ("raw/events", "checked/events"):
        notes = {note.period: note.inputs for note in history.read_commit_notes(Lake.open(USE_CASE).uri(table))}
        assert notes[NEXT]["corrections/events"].startswith("b2-")
        assert "corrections/events" not in notes[DAY]


@refused
@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", raises(CorrectionFileError, file="rows.csv")),
        ("a,b\n1,2\n", raises(CorrectionFileError, "'event_date', 'hour', 'id'", "'a', 'b'")),
        (f"{HEADER}2020-01-10,0,x,1.0,noon,false\n", raises(CorrectionFileError, "noon")),
        (HEADER, raises(CorrectionsEmptyError, file="rows.csv")),
        (f"{HEADER}2020-01-10,77,x,1.0,5,false\n", raises(NotQuarantinedError, "event_date=2020-01-10, id=77", line=1)),
        (f"{HEADER}2020-01-10,0,x,nan,5,false\n", raises(NumbersNotFiniteError, column="size", lines=(1,))),
        (f'"id",{HEADER}0,2020-01-10,0,x,1.0,5,false\n', raises(CorrectionFileError, "'id'")),
        (
            f'"quarantined_row",{HEADER}2020-01-10.ff,2020-01-10,0,x,1.0,5,false\n',
            raises(NotQuarantinedError, "'2020-01-10.ff'", line=1),
        ),
        (HEADER + "2020-01-10,0,x,1.0,5,false\n" * 2, raises(CorrectedTwiceError, rows=((DAY.start_date, 0),))),
    ],
    ids=["empty", "columns", "value", "no rows", "keys", "NaN", "column twice", "id", "row twice"],
)
def test_a_file_that_is_wrong_is_refused_with_what_is_wrong(bad_hours, text, refusal):
    with refusal:
        sent("events", text)
    assert CorrectionLog.open(open_project(USE_CASE), "events").accepted() == []


@refused
def test_rows_that_did_not_change_are_refused(bad_hours):
    with raises(RowsUnchangedError, lines=(2,)):
        sent("events", edited(BOTH[0]))


@refused
@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        (
            lambda: released("weather", HOUR),
            raises(FeedUnknownError, feed="weather", feeds=("events", "outcomes")),
        ),
        (
            lambda: released("events", HOUR, period=NEXT),
            raises(NothingQuarantinedError, feed="events", period=NEXT, periods=(DAY,)),
        ),
        (lambda: released("events", FAILED), raises(ReasonsUnknownError, reasons=(FAILED,), known=(HOUR,))),
        (lambda: released("events"), raises(ReasonsMissingError)),
        (lambda: released("events", HOUR, ids=["2020-01-10.beef"]), raises(RowsUnknownError, ids=("2020-01-10.beef",))),
        (lambda: released("events", HOUR, comment="  "), raises(CommentMissingError)),
    ],
    ids=["feed", "day", "reason", "no reason", "id", "comment"],
)
def test_a_release_that_cannot_be_is_refused(bad_hours, ask, refusal):
    with refusal:
        ask()


@refused
def test_a_row_with_a_second_reason_is_not_released_by_one(monkeypatch, toy_functions):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    kinds = gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=["bolt", "nut", "rivet", "screw"])
    toy_functions.expectations(events=lambda: Suite(rows=(*HOURS, kinds), table=()))
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    spoil(monkeypatch, "events", "kind", ["cog"], DAY)
    land("events", DAY)
    other = "kind: expect_column_values_to_be_in_set(value_set=['bolt', 'nut', 'rivet', 'screw'])"
    with raises(OtherReasonsError, reasons=(other,)):
        released("events", HOUR)
    released("events", HOUR, other)
    land("events", NEXT)
    assert sum(bool(row["reasons"]) for row in rows_of("checked/events", NEXT)) == 0


@refused
def test_a_release_for_one_limit_does_not_release_a_row_that_breaks_another(monkeypatch, toy_functions):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    between = gxe.ExpectColumnValuesToBeBetween
    rules = tuple(between(column="hour", max_value=most, description="too late") for most in (22, 40))
    toy_functions.expectations(events=lambda: Suite(rows=rules))
    spoil(monkeypatch, "events", "hour", [99, 23], DAY)
    land("events", DAY)
    first, second = (f"too late [hour: expect_column_values_to_be_between(max_value={most})]" for most in (22, 40))
    with raises(OtherReasonsError, reasons=(second,)):
        released("events", first)
    with raises(ReasonsAmbiguousError, matches={"too late": [first, second]}):
        released("events", "too late")
    released("events", first, ids=[row for row in ids_of("events") if "max_value=40" not in ids_of("events")[row]])
    land("events", NEXT)
    published = [row["hour"] for row in rows_of("checked/events", NEXT) if not row["reasons"]]
    assert (99 in published, 23 in published) == (False, True)
    assert second in str(ids_of("events").values())


@refused
def test_a_description_alone_names_the_reason_it_belongs_to(monkeypatch, toy_functions):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    rule = gxe.ExpectColumnValuesToBeBetween(column="hour", max_value=22, description="too late")
    toy_functions.expectations(events=lambda: Suite(rows=(rule,)))
    spoil(monkeypatch, "events", "hour", [23], DAY)
    land("events", DAY)
    assert released("events", "too late").rows == len(ids_of("events"))


def ids_of(feed: str) -> dict[str, str]:
    found = quarantine.read_quarantine(open_project(USE_CASE), feed, DAY).rows
    return dict(zip(found["digest"].to_pylist(), map(str, found["reasons"].to_pylist()), strict=True))


@refused
def test_a_row_without_a_key_is_never_released(monkeypatch):
    spoil(monkeypatch, "events", "id", [None], DAY)
    land("events", DAY)
    with raises(KeyMissingError, key="id", lines=(1,)):
        released("events", "keys must not be null: id")
    with raises(KeyMissingError, key="id", lines=(1,)):
        sent("events", '"event_date","id","kind","size","hour","urgent"\n2020-01-10,,"nut",1.5,3,false\n')


HOURS = expectations.events().rows


@refused
def test_rows_that_an_expectation_cannot_judge_are_refused_before_they_stop_a_day(bad_hours, toy_functions):
    import great_expectations.expectations as gxe

    from include.use_case import Suite

    raising = gxe.ExpectColumnValuesToMatchJsonSchema(column="kind", json_schema={"type": "object"})
    toy_functions.expectations(events=lambda: Suite(rows=(raising,), table=()))
    with raises(RowsNotJudgedError, feed="events"):
        sent("events", edited(*BOTH))


def asked(**fields) -> resubmit.ResubmissionRequest:
    empty = dict.fromkeys(("quarantined_on", "reasons", "rows", "file", "known_on"))
    return resubmit.ResubmissionRequest(
        **{"feed": "events", "action": "release", "comment": "mistyped", "actor": "Ann", **empty, **fields}
    )


@refused
def test_a_form_corrects_with_a_file_of_the_inbox(bad_hours):
    (uploads.upload_folder(open_project(USE_CASE)) / "hours.csv").write(edited(*BOTH).encode())
    assert resubmit.resubmit_rows(open_project(USE_CASE), asked(action="correct", file="hours.csv")).rows == 2


@refused
def test_a_form_releases_by_reason(bad_hours):
    assert resubmit.resubmit_rows(open_project(USE_CASE), asked(reasons=[HOUR], quarantined_on=DAY)).kind == "release"


@refused
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
    with raises(FieldsConflictError, action=fields["action"], file=fields.get("file")):
        resubmit.resubmit_rows(open_project(USE_CASE), asked(**fields))
