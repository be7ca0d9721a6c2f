"""Predicted quantiles that cross are repaired as declared, and counted wherever a day is scored, for every task."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.compute as pc
import pytest

from include.model.model import Model
from include.model.prediction_intervals import CROSSED, QuantileBounds
from include.monitoring import monitor
from include.notifications import messages
from include.project import Project, open_project
from include.promotion.model_card import build
from include.registry.mlflow_registry import Registry
from include.scoring import score
from include.validation.errors import PeriodRefusedError
from tests.refusals import raises
from tests.tasks.test_life import artifact
from tests.toys import QUANTILE, Toy, each_task

pytestmark = pytest.mark.slow
of_quantiles = pytest.mark.parametrize("toy", [QUANTILE], ids=[QUANTILE.name])


@pytest.fixture
def swap_ends(monkeypatch):
    """Return a function; afterwards, loaded models have exchanged the models of their interval's ends."""
    load = Registry.load

    def swapped(*args) -> Model:
        model = load(*args)
        bounds = model.bounds
        if not isinstance(bounds, QuantileBounds):
            return model
        return replace(model, bounds=QuantileBounds(bounds.upper, bounds.lower, bounds.with_point))

    return lambda: monkeypatch.setattr(Registry, "load", swapped)


def measured(project: Project, toy: Toy) -> dict[str, dict[str, object]]:
    monitor.monitor_period(project, toy.as_of)
    rows = project.lake.as_of(toy.as_of).read("metrics", toy.as_of, toy.as_of).to_pylist()
    return {row["metric"]: row for row in rows if row["metric"].startswith("crossed")}


@each_task
def test_quantiles_that_cross_are_sorted_counted_and_monitored(toy, champion, swap_ends, caplog):
    project = open_project(toy.use_case)
    plain = score.score_period(project, toy.as_of)
    before = measured(project, toy)
    swap_ends()
    found = score.score_period(project, toy.as_of, rescore=True)
    after, note = measured(project, toy), project.lake.as_of(toy.as_of).note("predictions", toy.as_of)
    if not toy.use_case.task.has_quantiles:
        assert (plain.crossed_intervals, found.crossed_intervals, before, after, note.counts) == (0, 0, {}, {}, {})
        return
    rows = project.lake.as_of(toy.as_of).read("predictions", toy.as_of, toy.as_of)
    assert pc.all(pc.less_equal(rows["lower"], rows["upper"])).as_py()
    assert plain.crossed_intervals < found.crossed_intervals <= rows.num_rows
    assert before["crossed_intervals"]["value"] == plain.crossed_intervals
    assert not before["crossed_share"]["breached"]
    assert note.counts == {CROSSED: found.crossed_intervals}
    assert after["crossed_intervals"]["value"] == found.crossed_intervals
    assert after["crossed_share"]["value"] == found.crossed_intervals / rows.num_rows
    assert after["crossed_share"]["breached"] and messages.should_notify([after["crossed_share"]])
    assert [record for record in caplog.records if found.crossed_intervals in (record.args or ())]


@of_quantiles
def test_a_rerun_without_another_count_commits_nothing(toy, champion, swap_ends):
    project = open_project(toy.use_case)
    swap_ends()
    score.score_period(project, toy.as_of)
    before = project.lake.as_of(toy.as_of).version("predictions")
    assert not score.score_period(project, toy.as_of).changed
    assert project.lake.as_of(toy.as_of).version("predictions") == before


@of_quantiles
def test_a_declared_refusal_stores_no_prediction(toy, champion, swap_ends):
    task = replace(toy.use_case.task, if_crossed="refuse")
    project = open_project(replace(toy.use_case, task=task))
    swap_ends()
    with raises(PeriodRefusedError, table="predictions", period=toy.as_of):
        score.score_period(project, toy.as_of)
    assert not project.lake.as_of(toy.as_of).partitions("predictions")


def test_a_refusal_of_crossed_quantiles_is_no_other_training():
    task = QUANTILE.use_case.task
    assert replace(task, if_crossed="refuse").training_values() == task.training_values()


@each_task
def test_the_card_names_the_share_on_the_validation_days(toy, champion):
    project = open_project(toy.use_case)
    run = project.registry.get_run(project.registry.version(champion).run_id)
    build.build_model_card(project, champion)
    card = artifact(project, champion, "model_card/model_card.md")
    assert ("crossed_intervals" in run.data.params) == toy.use_case.task.has_quantiles
    assert ("quantiles cross on" in card) == toy.use_case.task.has_quantiles


@of_quantiles
def test_a_day_that_was_scored_without_a_count_says_so(toy, champion):
    project, period = open_project(toy.use_case), toy.as_of
    score.score_period(project, period)
    names = project.lake.as_of(period).read("predictions", period, period).drop_columns(["period"])
    note = project.lake.as_of(period).note("predictions", period)
    project.lake.replace("predictions", period, names, inputs=note.inputs, stage="score")
    assert measured(project, toy)["crossed_intervals"]["missing_reason"]
    assert not score.score_period(project, period).changed
    assert measured(project, toy)["crossed_intervals"]["value"] is not None
