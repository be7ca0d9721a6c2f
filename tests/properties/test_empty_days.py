"""A shop that is closed on Sundays: an empty day is recorded as run, unlike a missing day."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.declaration.period import Period, period_range
from include.errors import FeaturesMissingError
from include.features import build
from include.ingestion import ingest, validate
from include.lake.lake import Lake
from include.monitoring import labelled_predictions, monitor
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.retraining import readiness
from include.scoring import score
from include.training import train
from tests.conftest import AS_OF, LAST
from tests.toy_use_case import USE_CASE, source

pytestmark = pytest.mark.usefixtures("without_plots")
SUNDAY = Period("2020-03-08")
SHUT = frozenset(
    day for day in period_range(USE_CASE.first_period, LAST) if day.start_date.weekday() == SUNDAY.start_date.weekday()
)
FEEDS = tuple(
    replace(feed, missing_periods=feed.missing_periods | SHUT) if feed.name == "events" else feed
    for feed in USE_CASE.feeds
)
SHOP = replace(USE_CASE, feeds=FEEDS)


@pytest.fixture
def shop(champion, toy_functions) -> Lake:
    """The lake of the toy's champion, in which Sundays were run and have no rows, and the source of that shop."""
    honest = source.events
    toy_functions.source(events=lambda period: honest(period).slice(0, 0) if period in SHUT else honest(period))
    lake = Lake.open(SHOP)
    for period in SHUT:
        nothing = lake.as_of(period).read("features", period, period).drop_columns(["period"]).slice(0, 0)
        lake.replace("features", period, nothing, inputs={}, stage="build")
    return lake


def test_the_stages_record_an_empty_day_and_a_rerun_commits_nothing(lake_home, toy_functions):
    honest = source.events
    toy_functions.source(events=lambda period: honest(period).slice(0, 0) if period in SHUT else honest(period))
    period = min(period for period in SHUT if period > USE_CASE.first_period)
    for _ in range(2):
        ingest.ingest_period(open_project(SHOP), period), validate.validate_period(open_project(SHOP), period)
        commit = build.build_features(open_project(SHOP), period)
    assert not commit.changed
    view = Lake.open(SHOP).as_of(period)
    for table in ("raw/events", "checked/events", "features"):
        assert view.partitions(table, period, period)[period].rows == 0, table
    assert build.ensure_features(open_project(SHOP), period, period) == []


def test_an_empty_day_is_scored_by_the_champion_and_what_waits_for_it_goes_on(shop):
    assert not readiness.is_available(open_project(SHOP), "predictions", SUNDAY)
    result = score.score_period(open_project(SHOP), SUNDAY)
    assert (result.rows, result.changed) == (0, True)
    assert not score.score_period(open_project(SHOP), SUNDAY).changed
    assert readiness.is_available(open_project(SHOP), "predictions", SUNDAY)
    assert score.scoring_version(shop.as_of(SUNDAY), SUNDAY) == result.version


def test_a_missing_day_is_still_refused(shop):
    shop.remove_partition("features", SUNDAY, stage="test")
    with pytest.raises(FeaturesMissingError):
        score.score_period(open_project(SHOP), SUNDAY)


def test_a_shut_day_does_not_hold_back_the_days_around_it(shop):
    """The labels of a day are complete when the days on which they become known were run, empty or not."""
    last = SUNDAY + 1
    view = shop.as_of(last)
    friday, saturday = SUNDAY - 2, SUNDAY - 1
    assert labelled_predictions.is_complete(SHOP, view, friday, SUNDAY) == [friday, saturday]
    assert labelled_predictions.incomplete_reason(SHOP, view, saturday) == ""
    shop.remove_partition("features", SUNDAY, stage="test")
    assert labelled_predictions.is_complete(SHOP, shop.as_of(last), friday, SUNDAY) == []


def test_monitoring_says_that_there_were_no_rows(shop):
    score.score_period(open_project(SHOP), SUNDAY)
    monitor.monitor_period(open_project(SHOP), SUNDAY)
    rows = {(row["metric"], row["subject"]): row for row in shop.as_of(SUNDAY).read("metrics", SUNDAY).to_pylist()}
    assert (rows["rows", "features"]["value"], rows["rows", "predictions"]["value"]) == (0, 0)
    assert rows["unscored_rows", "predictions"]["breached"] is False
    for key in (
        ("weighted_drift", "features"),
        ("missing_predictions", "predictions"),
        ("prediction_drift", "prediction"),
    ):
        assert (rows[key]["value"], rows[key]["missing_reason"]) == (None, "2020-03-08 has no rows.")
    judged = SUNDAY + SHOP.label.label_delay_periods
    monitor.monitor_period(open_project(SHOP), judged)
    later = {(row["metric"], row["subject"]): row for row in shop.as_of(judged).read("metrics", judged).to_pylist()}
    assert later["labelled_rows", "model"]["missing_reason"] == "2020-03-08 has no rows: no prediction was made."


def test_a_model_is_trained_as_of_an_empty_day_over_a_window_with_empty_days(shop):
    assert AS_OF in SHUT
    found = train.train_model(open_project(SHOP), AS_OF, parameters={"num_boost_round": 3, "early_stopping_rounds": 3})
    assert found.missing_periods == ()
    assert Registry(SHOP).get_run(found.run_id).data.tags["airworthy.as_of"] == str(AS_OF)
