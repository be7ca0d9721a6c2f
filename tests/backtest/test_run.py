"""A backtest of the toy use case: the same models as real training, no future data, repeatable."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from include.backtest import history, run
from include.backtest.backtest_errors import BacktestEmptyError, FirstModelError, LastLabelsError
from include.backtest.history import HistoricalEvaluator
from include.backtest.label_history import LabelHistory
from include.declaration.monitoring import Monitoring, PerformanceLimit, Retraining
from include.declaration.period import Period
from include.errors import NotReadyError
from include.lake.lake import Lake
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.settings import current_settings
from tests import places, toy
from tests.conftest import AS_OF
from tests.refusals import raises

FIRST, LAST = Period("2020-02-12"), Period("2020-03-08")
USE_CASE = replace(
    toy.USE_CASE,
    monitoring=Monitoring(
        window_periods=5,
        min_periods=3,
        performance=(PerformanceLimit("log_loss", max_degradation=0.0, confidence=0.6),),
        baselines=(),
    ),
    retraining=Retraining(breaches=1, of_periods=3, cool_down_periods=4),
)


def world(use_case=USE_CASE, first: Period = FIRST, last: Period = LAST) -> HistoricalEvaluator:
    project = open_project(use_case)
    return HistoricalEvaluator(project, history.load_label_history(project, first, last), lambda _: None)


@pytest.mark.slow
def test_a_replayed_model_has_the_trees_of_the_real_training(trained_toy):
    trained = Registry(toy.USE_CASE).candidate(trained_toy)
    fit = world(toy.USE_CASE, first=AS_OF).fit(AS_OF)
    assert fit.model.trees == trained.tags["trees"]
    assert fit.cut.bounds() == trained.report["splits"]
    assert fit.fingerprint == trained.tags["fingerprint"]


@pytest.mark.slow
def test_what_is_replayed_twice_is_equal_byte_for_byte_and_trained_once(toy_lake):
    reported: list[str] = []
    once = run.run_backtest(open_project(USE_CASE), FIRST, LAST, variations=True, tell=reported.append)
    fitted = [each for each in reported if each.startswith("fitting")]
    reported.clear()
    again = run.run_backtest(open_project(USE_CASE), FIRST, LAST, variations=True, tell=reported.append)
    assert json.dumps(again.to_json()) == json.dumps(once.to_json())
    assert len(fitted) == len(set(fitted)) > 3
    assert not [each for each in reported if each.startswith("fitting")]
    by_name = {each.policy: each for each in once.outcomes}
    assert [*by_name] == ["never", "monthly", "weekly", "naive PSI", "performance", "declared"]
    assert len(by_name["weekly"].trainings) == 3
    assert by_name["never"].trainings == ()
    assert by_name["declared"].trainings
    assert 0.4 < by_name["never"].metrics["log_loss"] < 0.7
    assert once.variations
    assert run.draw_backtest(once) == run.draw_backtest(again)


@pytest.mark.slow
def test_a_replay_leaves_nothing_in_mlflow_and_only_what_it_must_in_the_lake(tracking, filled):
    lake = Lake.open(toy.USE_CASE)
    toy.fill(lake, Period("2020-01-01"), LAST + 2)
    run.run_backtest(open_project(USE_CASE), FIRST, FIRST + 4)
    assert Registry(toy.USE_CASE).versions() == []
    made = {name.split("/_delta_log/")[0] for name in places.contents(lake.root) if "/_delta_log/" in name}
    assert made == {"features", "labels"}


def test_a_damaged_fit_is_fitted_again(toy_lake):
    trees = world().fit(FIRST).model.trees
    [kept] = (current_settings().home / "replay" / "toy").glob("*.json")
    kept.write_text(kept.read_text().replace("leaf_value=", "leaf_value=9", 1))
    assert world().fit(FIRST).model.trees == trees


def test_measures_and_gate_results_of_a_day_do_not_depend_on_what_became_known_later(toy_lake):
    period = Period("2020-02-28")
    real = world()
    past = real.past
    later = past.known > np.datetime64(period.start_date)
    labels = np.where(later, 1 - past.label, past.label)
    other = replace(
        real, past=LabelHistory(past.rows, past.place, past.known, labels), _fits={}, _measured={}, _judged={}
    )
    assert later.any()
    measured = [each.measures(USE_CASE.monitoring, USE_CASE.retraining)(period, FIRST) for each in (real, other)]
    assert measured[0] == measured[1]
    assert measured[0].signals["performance"].breached is not None
    assert real.judge(period, FIRST) == other.judge(period, FIRST)
    assert real.fit(period).model.trees == other.fit(period).model.trees
    changed = np.where(past.known == np.datetime64(period.start_date), 1 - past.label, past.label)
    third = replace(real, past=LabelHistory(past.rows, past.place, past.known, changed), _measured={})
    assert third.measures(USE_CASE.monitoring, USE_CASE.retraining)(period, FIRST) != measured[0], (
        "what is known that day must count"
    )


def test_a_model_that_is_too_young_is_not_judged(toy_lake):
    reading = world().measures(USE_CASE.monitoring, USE_CASE.retraining)(FIRST + 3, FIRST).signals["performance"]
    assert reading.breached is None
    assert "day" in reading.missing_reason


def test_a_day_without_rows_is_measured_as_such(toy_lake):
    assert world().measures(USE_CASE.monitoring, USE_CASE.retraining)(LAST + 1, FIRST).version is None


@pytest.mark.slow
def test_days_that_were_never_built_are_built(lake_home):
    short = replace(toy.USE_CASE.training, min_train_periods=3, validation_periods=2, test_periods=2)
    use_case, first, reported = replace(USE_CASE, training=short), Period("2020-01-12"), list[str]()
    found = run.run_backtest(open_project(use_case), first, first + 1, tell=reported.append)
    assert found.outcomes[0].policy == "never"
    built = [Period("2020-01-01") + n for n in range(15)]  # up to the day on which the last has matured
    # First those by whose labels the last day is judged: a source that lacks them is noticed before hours of work.
    assert [each for each in reported if each.startswith("building")] == [
        f"building the features of {period}" for period in (*built[13:], *built[:13])
    ]
    assert [*Lake.open(use_case).as_of(LAST).partitions("features")] == built


@pytest.mark.parametrize(
    ("first", "last", "error"), [(LAST, FIRST, BacktestEmptyError), (Period("2020-01-05"), LAST, FirstModelError)]
)
def test_what_cannot_be_replayed_is_refused_with_the_reason(toy_lake, first, last, error):
    with raises(error, first=first):
        run.run_backtest(open_project(USE_CASE), first, last)


def test_a_replay_whose_last_labels_cannot_be_had_is_refused_before_the_work(toy_lake, monkeypatch):
    def missing(use_case, period):
        raise NotReadyError(f"the data end before {period}")

    monkeypatch.setattr(run.build, "build_features", missing)
    reported: list[str] = []
    end = Period("2020-03-10")
    with raises(LastLabelsError, last=end, needed=end + 2, period=end + 1):
        run.run_backtest(open_project(USE_CASE), FIRST - 5, end, tell=reported.append)
    assert reported == [f"building the features of {end + 1}"]
