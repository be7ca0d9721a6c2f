"""Days begin in the use case's time zone, and a day that has not begun is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.backtest import run
from include.cli import check
from include.declaration.period import Period
from include.errors import InvalidRequestError, NotBegunError
from include.features import build
from include.ingestion import ingest, quarantine, resubmit, validate
from include.ingestion.correction_errors import PeriodNotFreeError
from include.monitoring import monitor
from include.project import open_project
from include.retraining import decide, readiness
from include.scoring import score
from include.training import train, tune
from include.use_case import Alerts, Approval, LandingBucket
from tests import quarantined
from tests.refusals import invalid, raises
from tests.toy_use_case import USE_CASE

EVENING = datetime(2026, 11, 28, 3, tzinfo=UTC)
"""27 November in New York, 28 November in Tokyo."""
TOMORROW = Period("2026-11-29")


@pytest.fixture(autouse=True)
def _now(set_clock):
    set_clock(EVENING)


@pytest.mark.parametrize(
    ("zone", "today"),
    [("UTC", Period("2026-11-28")), ("America/New_York", Period("2026-11-27")), ("Asia/Tokyo", Period("2026-11-28"))],
)
def test_today_is_a_day_to_run_for_and_tomorrow_is_not(zone, today):
    use_case = replace(USE_CASE, time_zone=zone)
    use_case.require(today)
    tomorrow = today + 1
    with pytest.raises(NotBegunError) as refused:
        use_case.require(tomorrow)
    assert (refused.value.period, refused.value.today, refused.value.retryable) == (tomorrow, today, False)


def test_a_scheduled_run_that_is_a_moment_early_by_this_machines_clock_is_tried_again(set_clock):
    set_clock(datetime(2026, 11, 28, 23, 59, 30, tzinfo=UTC))
    with pytest.raises(NotBegunError) as refused:
        USE_CASE.require(TOMORROW)
    assert refused.value.retryable


def test_a_day_that_the_zone_skipped_is_refused():
    with pytest.raises(NotBegunError) as refused:
        replace(USE_CASE, time_zone="Pacific/Apia", first_period=Period("2011-01-01")).require(Period("2011-12-30"))
    assert refused.value.start is None


ENTRIES = {
    "ingest": ingest.ingest_period,
    "validate": validate.validate_period,
    "build_features": build.build_features,
    "prepare": lambda project, day: build.ensure_window(project, day, None),
    "tune": lambda project, day: tune.tune_parameters(project, day, trials=3),
    "train": train.train_model,
    "score": score.score_period,
    "measure": monitor.monitor_period,
    "decide": decide.decide_retraining,
    "wait": lambda project, day: readiness.is_available(project, "features", day),
    "wait for a turn": readiness.is_ready_to_decide,
    "replay": lambda project, day: run.run_backtest(project, day, day),
}
ENDED = replace(USE_CASE, last_period=Period("2020-03-31"))


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_refuses_a_day_that_has_not_begun_and_one_after_the_last(entry, lake_home):
    with pytest.raises(NotBegunError) as refused:
        ENTRIES[entry](open_project(USE_CASE), TOMORROW)
    assert refused.value.period == TOMORROW and refused.value.start is not None
    with pytest.raises(InvalidRequestError, match="2020-03-31; 2020-04-01"):
        ENTRIES[entry](open_project(ENDED), Period("2020-04-01"))
    assert not (lake_home / "lake").exists()


def test_a_replay_whose_last_labels_cannot_be_known_is_refused_before_it_begins(lake_home):
    with pytest.raises(InvalidRequestError, match=r"2020-03-30 .*2020-04-01.*2020-03-31.*2020-03-29"):
        run.run_backtest(open_project(ENDED), Period("2020-03-01"), Period("2020-03-30"))


def test_check_refuses_it_too(declare):
    declare(USE_CASE)
    with pytest.raises(NotBegunError):
        check.print_check(None, "toy", TOMORROW)
    with pytest.raises(InvalidRequestError, match="2020-01-01; 2019-12-31"):
        check.print_check(None, "toy", Period("2019-12-31"))


@pytest.fixture
def spoiled(lake_home, monkeypatch, set_clock):
    """One day with a quarantined row, on a day that is today."""
    set_clock(datetime(2020, 1, 10, 12, tzinfo=UTC))
    quarantined.spoil(monkeypatch, "events", "hour", [77], quarantined.DAY)
    quarantined.land("events", quarantined.DAY)


def release(use_case=USE_CASE, **more):
    return resubmit.resubmit_released(
        open_project(use_case), "events", [quarantined.HOUR], actor="Ann", comment="ok now", **more
    )


def test_rows_that_are_sent_back_become_known_tomorrow_at_the_latest(spoiled):
    with raises(PeriodNotFreeError, "2020-01-10", period=Period("2020-01-12")):
        release(known_on=Period("2020-01-12"))
    assert release().known_on == "2020-01-11"
    assert not any(quarantine.read_quarantine(open_project(USE_CASE), "events").is_open)


def test_rows_are_not_sent_back_to_a_day_after_the_last(spoiled):
    with raises(PeriodNotFreeError, "2020-01-10", period=Period("2020-01-11")):
        release(replace(USE_CASE, last_period=quarantined.DAY))


@pytest.mark.parametrize(
    ("last_period", "hint"), [(Period("2019-01-01"), ""), ("2020-03-31", "Write Period('2020-03-31').")]
)
def test_a_last_day_that_cannot_be_is_refused_when_declared(last_period, hint):
    with invalid("last_period") as refused:
        replace(USE_CASE, last_period=last_period)
    assert refused.value.problems[0].hint == hint


def test_the_newest_day_of_a_use_case_that_ended_is_its_last():
    assert ENDED.newest_period() == Period("2020-03-31")
    assert USE_CASE.newest_period() == Period("2026-11-28")


@pytest.mark.parametrize("wait", [timedelta.max, timedelta(days=366), timedelta(), timedelta(seconds=-1)])
@pytest.mark.parametrize(
    ("declare", "field"),
    [
        (lambda wait: Approval(wait=wait), "wait"),
        (lambda wait: Alerts(deadline=wait), "deadline"),
        (lambda wait: LandingBucket(bucket="files", prefix="{period}/", wait=wait), "wait"),
        (lambda wait: LandingBucket(bucket="files", prefix="{period}/", every=wait), "every"),
    ],
)
def test_nothing_is_declared_to_wait_longer_than_instants_can_be_counted(declare, field, wait):
    with invalid(field):
        declare(wait)
    declare(timedelta(days=365))
