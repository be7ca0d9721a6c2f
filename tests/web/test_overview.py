"""The overview of a use case on one day, from the lake and the ledger."""

import pytest

from include.declaration.period import EARLIEST, LATEST
from include.ingestion import quarantine, resubmit
from include.ingestion.quarantine_counts import RowStates
from include.lake.lake import Lake
from include.project import open_project
from include.registry.ledger import Ledger
from include.web import overview
from tests import places, quarantined, toy
from tests.web import measured
from tests.web.measured import Row, period_of

DAY = period_of(0)
CALM = [
    Row(metric, subject, 0.01, DAY, "1", limit=0.1, breached=False)
    for metric, subject in (("weighted_drift", "features"), ("prediction_drift", "prediction"))
]


@pytest.fixture
def lake(lake_home):
    return Lake.open(toy.USE_CASE)


def test_a_use_case_without_runs_has_no_model_and_no_table_is_made(lake, lake_home):
    seen = overview.build_overview(open_project(toy.USE_CASE), DAY)
    assert (seen.status.name, seen.period, seen.newest, seen.measured) == ("no model", DAY, None, ())
    assert not lake_home.exists()


def test_the_newest_measured_day_is_looked_at_unless_another_is_named(lake):
    measured.fill(toy.USE_CASE, range(3))
    assert overview.build_overview(open_project(toy.USE_CASE), period_of(2)).period == period_of(2)
    assert overview.build_overview(open_project(toy.USE_CASE), period_of(2), period_of(1)).period == period_of(1)


def test_what_became_known_later_is_not_shown(lake):
    measured.fill(toy.USE_CASE, range(3))
    measured.promote(toy.USE_CASE, "9", period_of(2))
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(2), period_of(1))
    assert seen.measures.periods == (period_of(0), period_of(1))
    assert seen.champion is not None and seen.champion.number == "1"
    assert [each.period for each in seen.decisions] == [period_of(1), period_of(0)]


def test_days_of_long_ago_are_stale_and_one_chosen_on_purpose_is_not(lake):
    measured.fill(toy.USE_CASE, range(9, 12))
    later = period_of(11) + 30
    assert overview.build_overview(open_project(toy.USE_CASE), later).status.name == "stale"
    assert overview.build_overview(open_project(toy.USE_CASE), later, period_of(10)).status.name == "ok"


def test_quarantined_rows_are_counted_as_the_command_line_does_as_of_the_day_looked_at(lake, monkeypatch):
    assert overview.build_overview(open_project(toy.USE_CASE), DAY).set_aside is None, "nothing was checked"
    periods = quarantined.DAY, quarantined.NEXT
    quarantined.spoil(monkeypatch, "events", "hour", [77, 78], *periods)
    quarantined.land("events", *periods)
    after = quarantined.NEXT + 1
    assert overview.build_overview(open_project(toy.USE_CASE), after, quarantined.DAY).set_aside == RowStates(2, 0, 0)
    assert overview.build_overview(open_project(toy.USE_CASE), after).set_aside == RowStates(4, 0, 0)
    assert (
        sum(
            row.open
            for row in quarantine.count_quarantined(quarantine.read_quarantine(open_project(toy.USE_CASE), "events"))
        )
        == 4
    )
    resubmit.resubmit_released(
        open_project(toy.USE_CASE),
        "events",
        [quarantined.HOUR],
        period=quarantined.DAY,
        known_on=after,
        actor="Ann",
        comment="ok now",
    )
    assert overview.build_overview(open_project(toy.USE_CASE), quarantined.NEXT).set_aside == RowStates(2, 2, 0)
    assert overview.build_overview(open_project(toy.USE_CASE), after).set_aside == RowStates(2, 0, 2)


def test_of_damaged_corrections_it_is_said_that_they_are_and_not_where(lake, lake_home, monkeypatch):
    quarantined.spoil(monkeypatch, "events", "hour", [77], quarantined.DAY)
    quarantined.land("events", quarantined.DAY)
    resubmit.resubmit_released(open_project(toy.USE_CASE), "events", [quarantined.HOUR], actor="Ann", comment="ok now")
    (lake_home / "lake" / "toy" / "corrections" / "events" / "000001.parquet").write_bytes(b"")
    seen = overview.build_overview(open_project(toy.USE_CASE), quarantined.NEXT)
    assert seen.set_aside is None
    (problem,) = seen.problems
    assert "corrections are damaged" in problem and str(lake_home) not in problem


def test_a_training_that_is_not_recorded_yet_goes_on(lake):
    measured.promote(toy.USE_CASE, "1", DAY)
    measured.write(lake, DAY, CALM)
    measured.record(lake, "decisions", DAY, outcome="retrain", reason="Drift.", signals="[]", model_version="1")
    assert overview.build_overview(open_project(toy.USE_CASE), DAY).status.name == "retraining"
    measured.record(lake, "retrainings", DAY, outcome="failed", reason="No.", model_version="", run_id="r")
    seen = overview.build_overview(open_project(toy.USE_CASE), DAY)
    assert seen.status.name == "ok" and seen.decisions[0].result == "failed"


def test_a_training_of_long_ago_is_still_listed(lake):
    measured.fill(toy.USE_CASE, range(measured.REJECTED, measured.REJECTED + 20))
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(measured.REJECTED + 19))
    assert [each.period for each in seen.decisions if each.outcome == "retrain"] == [period_of(measured.REJECTED)]
    assert seen.decisions[-1].result == "rejected" and seen.decisions[-1].challenger == "2"


def test_a_day_without_predictions_is_unclear_and_says_what_to_do(lake):
    measured.fill(toy.USE_CASE, range(measured.UNPREDICTED, measured.UNPREDICTED + 1))
    found = overview.build_overview(open_project(toy.USE_CASE), period_of(measured.UNPREDICTED)).status
    assert found.name == "unclear" and "Run toy__score" in found.reason


def test_a_damaged_table_is_reported_and_the_rest_is_shown(lake):
    measured.fill(toy.USE_CASE, range(3))
    next(file for file in places.files(lake.root / "metrics") if file.name.endswith(".parquet")).write(b"garbage")
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(2))
    assert seen.status.name == "damaged" and "The table metrics of toy is damaged" in seen.status.reason
    assert seen.champion is not None and len(seen.decisions) == 3


def test_a_damaged_ledger_is_reported_without_its_path(lake, lake_home):
    measured.fill(toy.USE_CASE, range(1))
    next(places.files(Ledger.open(toy.USE_CASE).folder)).write(b"{}")
    seen = overview.build_overview(open_project(toy.USE_CASE), DAY)
    assert seen.status.name == "damaged" and "ledger is damaged" in seen.status.reason
    assert str(lake_home) not in repr(seen.problems)
    assert seen.measures.periods == (DAY,)


@pytest.mark.parametrize("signals", ["", "not JSON", "7", '["x", {"signal": "psi"}]'])
def test_signals_that_cannot_be_read_keep_no_one_from_the_decision(lake, signals):
    measured.record(lake, "decisions", DAY, outcome="hold", reason="Calm.", signals=signals, model_version="1")
    (found,) = overview.build_overview(open_project(toy.USE_CASE), DAY).decisions
    assert found.reason == "Calm." and len(found.signals) == ("psi" in signals)


def test_only_the_days_that_are_drawn_are_read(lake):
    measured.fill(toy.USE_CASE, range(40, 45))
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(44), span=2)
    assert seen.measures.periods == (period_of(43), period_of(44)) and seen.first == period_of(43)
    assert seen.measured[0] == period_of(40)


def test_a_day_before_anything_was_measured_is_not_measured(lake):
    measured.fill(toy.USE_CASE, range(1, 2))
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(1), DAY)
    assert seen.measures.periods == () and seen.status.name == "not measured"


@pytest.mark.parametrize("span", [30, 365])
def test_a_day_outside_of_the_use_cases_life_is_the_nearest_within(lake, span):
    measured.fill(toy.USE_CASE, range(2))
    assert (
        overview.build_overview(open_project(toy.USE_CASE), period_of(1), EARLIEST, span).period
        == toy.USE_CASE.first_period
    )
    assert overview.build_overview(open_project(toy.USE_CASE), period_of(1), LATEST, span).period == period_of(1)


@pytest.mark.parametrize("what", ["ledger", "metrics", "decisions"])
def test_a_file_where_a_folder_should_be_is_reported_without_its_path(lake, lake_home, what):
    measured.fill(toy.USE_CASE, range(2))
    folder = lake_home / "lake" / "toy" / what
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("not a folder")
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(1))
    assert seen.status.name == "damaged" and what in seen.status.reason
    assert str(lake_home) not in seen.status.reason
    assert (seen.champion is None) == (what == "ledger") and bool(seen.measures.periods) == (what != "metrics")


def test_of_days_before_the_one_looked_at_only_what_is_drawn_or_broke_is_kept(lake):
    for period in (DAY, period_of(1)):
        rows = [Row("null_share", "size", 0.5, period, "1", limit=0.1, breached=True), *CALM]
        rows += [Row(metric, "kind", 0.5, period, "1") for metric in ("null_share", "unseen_share", "psi")]
        measured.write(lake, period, rows)
    found = overview.build_overview(open_project(toy.USE_CASE), period_of(1)).measures
    assert {(row.metric, row.subject) for row in found.rows_on(DAY)} == {
        ("null_share", "size"), ("psi", "kind"), ("weighted_drift", "features"), ("prediction_drift", "prediction")
    }  # fmt: skip
    assert len(found.rows_on(period_of(1))) == 6
