"""tune on the toy use case: on what it judges, what ends it, what it refuses, and its task."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.declaration.period import Period
from include.errors import FeaturesMissingError, InvalidRequestError
from include.lake.lake import Lake
from include.orchestration.tasks import train as tasks
from include.project import open_project
from include.training import train, tune
from tests import toy
from tests.conftest import AS_OF
from tests.toy_search import DECLARED, QUICK, USE_CASE, choice, client, quick, trials_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]


def turn_labels(first: Period, last: Period) -> None:
    """Turn every label of the events of `first` to `last` into its opposite, in whichever partitions they stand."""
    lake = Lake.open(USE_CASE)
    known = first
    while known <= last + 2:
        rows = lake.as_of(known).read("labels", since=known).drop_columns(["day"])
        turned = [
            1 - label if first.start_date <= event <= last.start_date else label
            for event, label in zip(rows["event_date"].to_pylist(), rows["failed"].to_pylist(), strict=True)
        ]
        column = rows.schema.get_field_index("failed")
        changed = rows.set_column(column, "failed", pa.array(turned, pa.int8()))
        lake.replace("labels", known, changed, inputs={}, stage="test")
        known += 1


# -- what is judged


def test_the_same_question_in_another_store_has_the_same_answer(toy_lake, tracking, tracking_template, monkeypatch):
    first = quick()
    other = toy_lake / "other.db"
    other.write_bytes(tracking_template.read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    again = quick()
    assert not again.reused
    assert choice(again) == choice(first)


def test_labels_of_test_days_change_nothing(toy_lake, tracking):
    before = quick()
    splits = train.train_model(open_project(USE_CASE), AS_OF, parameters=QUICK).splits
    turn_labels(Period(splits["test"]["first"]), Period(splits["test"]["last"]))
    after = quick()
    assert not after.reused
    assert choice(after) == choice(before)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_labels_of_the_days_that_are_learned_and_judged_count(toy_lake, tracking, split):
    before = quick()
    splits = train.train_model(open_project(USE_CASE), AS_OF, parameters=QUICK).splits
    last = Period(splits[split]["last"])
    turn_labels(last, last)
    assert quick().log_loss != before.log_loss


def test_the_log_losses_are_those_of_trainings_with_these_parameters(toy_lake, tracking):
    result = quick(trials=8)
    assert result.log_loss < result.declared_log_loss

    def validation_log_loss(parameters: dict) -> float:
        run = train.train_model(open_project(USE_CASE), AS_OF, parameters=QUICK | parameters).run_id
        return client().get_run(run).data.metrics["validation/log_loss.model"]

    assert result.log_loss == pytest.approx(validation_log_loss(result.parameters), abs=1e-6)
    assert result.declared_log_loss == pytest.approx(validation_log_loss({}), abs=1e-6)


def test_what_the_form_fixes_stays_in_every_trial(toy_lake, tracking):
    result = quick(parameters={"num_leaves": 3})
    assert set(result.parameters) == {"learning_rate"}
    assert {tuple(trial.data.params) for trial in trials_of(result.run_id)} == {("learning_rate",)}
    free = quick()
    assert free.declared_log_loss != result.declared_log_loss


# -- budgets


def test_the_clock_ends_a_search_after_the_trial_that_runs(toy_lake, tracking):
    ticking = iter(range(0, 10_000, 20))  # seconds; asked when it begins, and before each trial but the first
    result = quick(trials=50, minutes=1, clock=lambda: next(ticking))
    assert (result.trials, result.stopped_by) == (3, "minutes")


def test_without_any_time_the_declared_parameters_are_tried_and_chosen(toy_lake, tracking):
    result = quick(minutes=1e-9)
    assert (result.trials, result.stopped_by, result.parameters) == (1, "minutes", DECLARED)
    assert result.log_loss == result.declared_log_loss


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"trials": 0}, "whole number of trials from 1 to 1000, not 0"),
        ({"trials": 2.5}, r"trials from 1 to 1000, not 2\.5"),
        ({"trials": True}, "not True"),
        ({"trials": 2, "minutes": 0}, "minutes above 0, at most 300, not 0"),
        ({"trials": 2, "minutes": float("nan")}, "minutes above 0, at most 300, not nan"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(lake_home, budget, said):
    with pytest.raises(InvalidRequestError, match=said):
        tune.tune_parameters(open_project(USE_CASE), AS_OF, **budget)


# -- what is refused


def test_a_use_case_without_a_search_space_is_refused_before_anything_is_read(lake_home):
    with pytest.raises(InvalidRequestError, match="toy declares no search space"):
        tune.tune_parameters(open_project(toy.USE_CASE), AS_OF, trials=2)


def test_a_day_whose_data_run_has_not_been_is_refused(toy_lake, tracking):
    with pytest.raises(FeaturesMissingError, match="no features of 2020-03-11"):
        quick(day=Period("2020-03-11"))


# -- the task


@pytest.fixture
def form(toy_lake, tracking, monkeypatch):
    """Runs a task as of AS_OF with what is written into the form."""

    def run(task, *arguments, use_case=USE_CASE, **params):
        dag_run = SimpleNamespace(partition_key=str(AS_OF), start_date=datetime.now(UTC), run_type="manual")
        context = {"dag_run": dag_run, "params": params, "run_id": "manual"}
        monkeypatch.setattr(tasks, "get_current_context", lambda: context)
        monkeypatch.setattr(tasks, "load_use_case", lambda name: use_case)
        return task.function("toy", *arguments)

    return run


@pytest.mark.parametrize("asked", [{}, {"tune_trials": None}, {"tune_trials": 0}, {"tune_minutes": 5}])
def test_tuning_is_off_unless_the_form_asks_for_trials(form, asked):
    with pytest.raises(AirflowSkipException, match="tune_trials is empty"):
        form(tasks.tune, **asked)
    assert client().search_experiments(filter_string="name = 'toy'") == []


def test_trials_without_a_search_space_are_refused_without_retries(form):
    with pytest.raises(AirflowFailException, match=r"declares no search space.*declare one in its Training"):
        form(tasks.tune, use_case=toy.USE_CASE, tune_trials=3)


def test_a_training_uses_what_was_tuned_and_names_the_study(form):
    tuned = form(tasks.tune, tune_trials=8, parameters=QUICK)
    assert tuned["parameters"] != DECLARED
    run = client().get_run(form(tasks.train, tuned, parameters=QUICK)).data
    assert run.params["num_leaves"] == str(tuned["parameters"]["num_leaves"])
    assert run.params["learning_rate"] == str(tuned["parameters"]["learning_rate"])
    assert run.params["rounds"] == "12"
    assert run.tags["airworthy.tuned_by"] == tuned["run_id"]


def test_a_training_without_tuning_names_no_study(form):
    run = client().get_run(form(tasks.train, None, parameters=QUICK)).data
    assert "airworthy.tuned_by" not in run.tags
    assert run.params["num_leaves"] == "15"
