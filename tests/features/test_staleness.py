"""Stale periods are named, reported when a training mixes them, and cleared by making them again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.features import staleness
from include.lake import history
from include.lake.lake import Lake
from include.project import open_project
from include.use_case import Gate

ONE, TWO, THREE, FOUR = (Period(f"2020-01-{day:02}") for day in (1, 2, 3, 4))
OTHER_CODE, OTHER_INPUTS = "other code", "other inputs"
ALL_DAYS = dict.fromkeys((ONE, TWO, THREE), OTHER_CODE)
LATER_PERIODS = dict.fromkeys((TWO, THREE), OTHER_CODE)
"""Of the first day, nothing had happened before."""


def test_what_the_code_of_now_has_made_is_not_stale(renewed):
    assert renewed.stale() == {}
    assert {note.code != "" for note in history.read_commit_notes(Lake.open(renewed.use_case).uri("features"))} == {
        True
    }


def test_days_made_before_features_changed_are_named_new_ones_differ_and_a_rebuild_clears(renewed):
    before = renewed.values(THREE, "size")
    renewed.double_size()
    renewed.run(FOUR)
    assert renewed.stale() == {"labels": LATER_PERIODS, "features": ALL_DAYS}
    assert renewed.values(THREE, "size") == before, "naming changes nothing"
    renewed.run(ONE, TWO, THREE)
    assert renewed.stale() == {}
    assert renewed.values(THREE, "size") == [None if size is None else size * 2 for size in before]


def test_code_that_makes_the_same_rows_is_other_code_until_the_days_are_made_again(renewed):
    renewed.edit("features", "outcomes.period == period.start_date", "period.start_date == outcomes.period")
    assert set(renewed.stale()) == {"labels", "features"}
    files = Lake.open(renewed.use_case).delta("features").file_uris()
    renewed.run(ONE, TWO, THREE)
    assert renewed.stale() == {}
    assert Lake.open(renewed.use_case).delta("features").file_uris() == files, "equal rows are not written again"


def test_a_run_again_by_the_same_code_commits_nothing(renewed):
    version = Lake.open(renewed.use_case).delta("features").version()
    renewed.run(ONE, TWO, THREE)
    assert Lake.open(renewed.use_case).delta("features").version() == version


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("features", '"""One row per event of `period`."""', '"""Return one row per event."""  # in better words'),
        ("features", "import ibis\n", "import ibis\n\n# a remark\n"),
        (
            "features",
            "events.filter(events.event_date == period.start_date)",
            "events.filter(\n    events.event_date == period.start_date\n)",
        ),
        ("__init__", "Warn of events that will fail.", "Warn of them."),
        ("__init__", 'Gate("log_loss", better_than="logistic")', 'Gate("auc", at_least=0.6)'),
        ("__init__", 'learning_rate": 0.1', 'learning_rate": 0.2'),
    ],
)
def test_what_can_change_no_row_makes_nothing_stale(renewed, module, old, new):
    renewed.edit(module, old, new)
    assert renewed.stale() == {}


def test_a_changed_expectation_makes_what_was_checked_stale_and_nothing_else(renewed):
    renewed.edit("expectations", "max_value=23", "max_value=22")
    assert renewed.stale() == {"checked/events": ALL_DAYS, "checked/outcomes": LATER_PERIODS}


def test_a_changed_source_makes_what_was_landed_stale_and_then_what_was_made_of_it(renewed):
    renewed.edit("source", "rng.normal(10, 3, rows)", "rng.normal(11, 3, rows)")
    assert renewed.stale() == {"raw/events": ALL_DAYS, "raw/outcomes": LATER_PERIODS}


def test_days_whose_inputs_were_landed_again_with_other_rows_are_stale_as_far_as_they_look_back(renewed):
    from include.ingestion import ingest, validate

    renewed.edit("source", "rng.normal(10, 3, rows)", "rng.normal(11, 3, rows)")
    use_case = renewed.use_case
    ingest.ingest_period(open_project(use_case), TWO)
    assert renewed.stale()["checked/events"] == {TWO: OTHER_INPUTS}
    validate.validate_period(open_project(use_case), TWO)
    stale = renewed.stale()
    assert "checked/events" not in stale
    assert stale["features"] == {TWO: OTHER_INPUTS, THREE: OTHER_INPUTS}


@pytest.mark.parametrize(
    "changed",
    [
        {"look_back_periods": 3},
        {"features": {"kind": "category", "size": "float32", "hour": "int32", "urgent": "bool"}},
        {"time_zone": "Asia/Tokyo"},
    ],
)
def test_a_declaration_that_changes_the_rows_is_other_code(renewed, changed):
    found = staleness.find_stale(open_project(replace(renewed.use_case, **changed)))
    assert [len(each.stale) for each in found if each.table == "features"] == [3]


def test_a_declaration_of_what_is_done_with_the_rows_is_not(renewed):
    declared = replace(renewed.use_case, gates=(Gate("auc", at_least=0.5),), notice="", owner="others")
    assert [each.table for each in staleness.find_stale(open_project(declared)) if each.stale] == []


def test_a_period_whose_maker_was_not_recorded_is_named(renewed):
    lake = Lake.open(renewed.use_case)
    rows = lake.as_of(TWO).read("features", TWO).drop(["period"])
    lake.replace("features", TWO, rows.slice(1), inputs={}, stage="by hand")
    assert renewed.stale() == {"features": {TWO: "no record"}}


def test_only_the_days_that_are_asked_for_are_looked_at(renewed):
    renewed.double_size()
    assert renewed.stale(first=TWO, last=TWO)["features"] == {TWO: OTHER_CODE}


def test_the_line_says_how_many_what_changed_and_which(renewed):
    renewed.double_size()
    found = staleness.find_stale(open_project(renewed.use_case))
    features = next(each for each in found if each.table == "features")
    assert features.changes == ("function features.build changed",)
    assert features.summary == (
        "features: 3 of 3 periods are stale (3 made by other code; 600 rows, 2020-01-01 to 2020-01-03):"
        " function features.build changed"
    )
    assert staleness.stale_stretches(features) == [
        "2020-01-01 to 2020-01-03: made by other code, 600 rows: function features.build changed"
    ]


def test_without_the_record_of_the_code_a_stale_period_is_found_all_the_same(renewed):
    renewed.double_size()
    store = Lake.open(renewed.use_case).root / "code"
    for name in store.names():
        (store / name).path.write_text("damaged")
    features = next(each for each in staleness.find_stale(open_project(renewed.use_case)) if each.table == "features")
    assert (len(features.stale), features.changes) == (3, ())


def test_a_history_is_mixed_until_the_periods_of_other_code_are_built_again(renewed):
    assert staleness.find_mixed_history(open_project(renewed.use_case), ONE, THREE) == []
    renewed.double_size()
    assert staleness.find_mixed_history(open_project(renewed.use_case), ONE, THREE) == [], "all are of the same code"
    renewed.run(FOUR)
    mixed = staleness.find_mixed_history(open_project(renewed.use_case), ONE, FOUR)
    assert [(one.table, one.newest, one.others) for one in mixed] == [
        ("labels", 1, (ONE, TWO, THREE)),
        ("features", 1, (ONE, TWO, THREE)),
    ]
    assert {one.changes for one in mixed} == {("function features.build changed",)}
    assert staleness.find_mixed_history(open_project(renewed.use_case), ONE, THREE) == [], "of the window alone"
    renewed.run(ONE, TWO, THREE)
    assert staleness.find_mixed_history(open_project(renewed.use_case), ONE, FOUR) == []


def test_the_page_names_stale_periods_mixed_history_and_the_command(renewed, declare, set_clock):
    from datetime import UTC, datetime

    from include.web import html, overview

    set_clock(datetime(2020, 1, 4, 12, tzinfo=UTC))
    renewed.double_size()
    renewed.run(FOUR)
    use_case = renewed.use_case
    declare(use_case)
    seen = overview.build_overview(open_project(use_case), FOUR)
    stale = overview.stale_tables(open_project(use_case))
    assert [text.partition(":")[0] for text in stale.mixed_history] == ["labels", "features"]
    text = html.use_case_page(seen, "", span=90, chosen=False, several=False, stale=stale)
    assert "features: 3 of 4 periods are stale" in text and "airflow backfill create --dag-id toy__data" in text
    assert 'id="mixed-history"' in text and "function features.build changed" in text


def test_looking_makes_no_table(renewed, lake_home):
    before = sorted(path for path in (lake_home / "lake").rglob("*"))
    renewed.stale()
    assert sorted(path for path in (lake_home / "lake").rglob("*")) == before
