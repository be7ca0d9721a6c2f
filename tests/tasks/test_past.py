"""For every task: a backtest, a challenger against the champion, and days in another order."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from include.backtest import history, run
from include.backtest.history import HistoricalEvaluator
from include.cli import backtest as cli_backtest
from include.declaration.period import period_range
from include.evaluation import evaluate
from include.model.metrics import METRICS
from include.monitoring import monitor
from include.project import open_project
from include.registry.mlflow_registry import Registry
from include.scoring import score
from include.training import train
from include.use_case import Retraining
from tests.toys import Toy, each_task

pytestmark = [each_task, pytest.mark.slow]


def test_a_replayed_model_is_the_one_of_the_real_training(toy: Toy, trained_toy):
    project = open_project(toy.use_case)
    trained = Registry(toy.use_case).candidate(trained_toy)
    past = history.load_label_history(project, toy.as_of, toy.as_of + 2)
    evaluator = HistoricalEvaluator(project, past, lambda _: None)
    assert evaluator.fit(toy.as_of).model.trees == trained.tags["trees"]
    again = HistoricalEvaluator(project, past, lambda _: None)  # reads the kept model
    for subject, predicted in evaluator.predicted(toy.as_of, toy.as_of).items():
        assert np.array_equal(again.predicted(toy.as_of, toy.as_of)[subject], predicted)


def test_a_backtest_ends_equal_twice_and_is_shown_in_metrics_of_the_task(toy: Toy, toy_lake):
    use_case = replace(toy.use_case, retraining=Retraining(breaches=1, of_periods=3, cool_down_periods=4))
    first, last = toy.as_of - 8, toy.as_of + 4
    once = run.run_backtest(open_project(use_case), first, last)
    again = run.run_backtest(open_project(use_case), first, last)
    assert json.dumps(once.to_json()) == json.dumps(again.to_json())
    assert once.shown == use_case.task.headline
    weekly = next(outcome for outcome in once.outcomes if outcome.policy == "weekly")
    assert set(weekly.metrics) == set(use_case.task.headline)
    assert weekly.trainings and weekly.worst_month
    assert run.draw_backtest(once).startswith(b"\x89PNG")
    table = cli_backtest.backtest_table("title", once, once.outcomes)
    assert table.row_count == len(once.outcomes)
    headings = {name: METRICS[name].heading(toy.use_case.task) for name in once.shown}
    assert headings.items() <= once.headings.items()
    assert set(headings.values()) <= {str(column.header) for column in table.columns}


def test_a_challenger_is_compared_with_the_champion_on_the_main_metric(toy: Toy, champion):
    project = open_project(toy.use_case)
    run_id = train.train_model(project, toy.as_of + 6).run_id
    gate_results = evaluate.evaluate_run(project, run_id).gate_results
    compared = [gate_result for gate_result in gate_results if gate_result["kind"] == "champion"]
    assert [gate_result["metric"] for gate_result in compared] == [toy.use_case.task.main_metric] * len(compared)
    if compared:
        assert compared[0]["outcome"] in ("passed", "failed", "inconclusive")


def test_days_that_are_scored_and_measured_again_in_another_order_change_nothing(toy: Toy, champion):
    project, periods = open_project(toy.use_case), period_range(toy.as_of, toy.as_of + 3)
    for period in periods:
        assert score.score_period(project, period).changed
        monitor.monitor_period(project, period)
        monitor.remeasure_label_period(project, period)
    for period in (periods[2], periods[0], periods[3], periods[1]):
        assert not score.score_period(project, period).changed
        assert not monitor.monitor_period(project, period).changed
