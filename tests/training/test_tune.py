"""tune on the toy use case: on what it judges, what ends it, what it refuses, and its task."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import optuna
import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from mlflow import MlflowClient
from mlflow.optuna.storage import MlflowStorage

from include.declaration.period import Period
from include.errors import FeaturesMissingError
from include.lake.lake import Lake
from include.orchestration.tasks import train as tasks
from include.project import open_project
from include.training import search, train, tune
from include.training.optuna_mlflow import Studies
from include.training.training_errors import MinutesError, SearchSpaceMissingError, TrialsError
from include.use_case import SearchRange
from tests import toy
from tests.conftest import AS_OF
from tests.refusals import raises
from tests.toy_search import DECLARED, QUICK, SPACE, USE_CASE, choice, client, quick, runs, trials_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]


def turn_labels(first: Period, last: Period) -> None:
    """Turn every label of the events of `first` to `last` into its opposite, in whichever partitions they stand."""
    lake = Lake.open(USE_CASE)
    known = first
    while known <= last + 2:
        rows = lake.as_of(known).read("labels", since=known).drop_columns(["period"])
        turned = [
            1 - label if first.start_date <= event <= last.start_date else label
            for event, label in zip(rows["event_date"].to_pylist(), rows["failed"].to_pylist(), strict=True)
        ]
        column = rows.schema.get_field_index("failed")
        changed = rows.set_column(column, "failed", pa.array(turned, pa.int8()))
        lake.replace("labels", known, changed, inputs={}, stage="test")
        known += 1


# -- what is judged


def test_the_same_question_in_another_store_has_the_same_answer(toy_lake, tracking, tracking_template, configure):
    first = quick()
    other = toy_lake / "other.db"
    other.write_bytes(tracking_template.read_bytes())
    configure(mlflow=f"sqlite:///{other}")
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
    assert quick().loss != before.loss


def test_the_log_losses_are_those_of_trainings_with_these_parameters(toy_lake, tracking):
    result = quick(trials=8)
    assert result.loss < result.declared_loss

    def validation_log_loss(parameters: dict) -> float:
        run = train.train_model(open_project(USE_CASE), AS_OF, parameters=QUICK | parameters).run_id
        return client().get_run(run).data.metrics["validation/log_loss.model"]

    assert result.loss == pytest.approx(validation_log_loss(result.parameters), abs=1e-6)
    assert result.declared_loss == pytest.approx(validation_log_loss({}), abs=1e-6)


def test_what_the_form_fixes_stays_in_every_trial(toy_lake, tracking):
    result = quick(parameters={"num_leaves": 3})
    assert set(result.parameters) == {"learning_rate"}
    assert {tuple(trial.data.params) for trial in trials_of(result.run_id)} == {("learning_rate",)}
    free = quick()
    assert free.declared_loss != result.declared_loss


# -- budgets


def test_the_clock_ends_a_search_after_the_trial_that_runs(toy_lake, tracking):
    ticking = iter(range(0, 10_000, 20))  # seconds; asked when it begins, and before each trial but the first
    result = quick(trials=50, minutes=1, clock=lambda: next(ticking))
    assert (result.trials, result.stopped_by) == (3, "minutes")


def test_without_any_time_the_declared_parameters_are_tried_and_chosen(toy_lake, tracking):
    result = quick(minutes=1e-9)
    assert (result.trials, result.stopped_by, result.parameters) == (1, "minutes", DECLARED)
    assert result.loss == result.declared_loss


@pytest.mark.parametrize(
    ("budget", "refusal"),
    [
        ({"trials": 0}, raises(TrialsError, trials=0, most=1000)),
        ({"trials": 2.5}, raises(TrialsError, trials=2.5, most=1000)),
        ({"trials": True}, raises(TrialsError, trials=True)),
        ({"trials": 2, "minutes": 0}, raises(MinutesError, minutes=0, most=300)),
        ({"trials": 2, "minutes": float("nan")}, raises(MinutesError, "nan", most=300)),
    ],
    ids=["0 trials", "2.5 trials", "True", "0 minutes", "NaN"],
)
def test_a_budget_that_cannot_be_is_refused(lake_home, budget, refusal):
    with refusal:
        tune.tune_parameters(open_project(USE_CASE), AS_OF, **budget)


# -- what is refused


def test_a_use_case_without_a_search_space_is_refused_before_anything_is_read(lake_home):
    with raises(SearchSpaceMissingError, use_case="toy"):
        tune.tune_parameters(open_project(toy.USE_CASE), AS_OF, trials=2)


def test_a_day_whose_data_run_has_not_been_is_refused(toy_lake, tracking):
    with pytest.raises(FeaturesMissingError) as refused:
        quick(period=Period("2020-03-11"))
    assert refused.value.period == Period("2020-03-11")


# -- the task


@pytest.fixture
def form(toy_lake, tracking, declare, run_as_task):
    """Runs a task as of AS_OF with what is written into the form."""

    def run(task, *arguments, use_case=USE_CASE, **params):
        dag_run = SimpleNamespace(partition_key=str(AS_OF), start_date=datetime.now(UTC), run_type="manual")
        context = {"dag_run": dag_run, "params": params, "run_id": "manual"}
        run_as_task(context)
        declare(use_case)
        return task.function("toy", *arguments)

    return run


@pytest.mark.parametrize("asked", [{}, {"tune_trials": None}, {"tune_trials": 0}, {"tune_minutes": 5}])
def test_tuning_is_off_unless_the_form_asks_for_trials(form, asked):
    with pytest.raises(AirflowSkipException, match="tune_trials"):
        form(tasks.tune, **asked)
    assert client().search_experiments(filter_string="name = 'toy'") == []


def test_trials_without_a_search_space_are_refused_without_retries(form):
    with pytest.raises(AirflowFailException, match="search_space"):
        form(tasks.tune, use_case=toy.USE_CASE, tune_trials=3)


def test_a_training_uses_what_was_tuned_and_names_the_study(form):
    tuned = form(tasks.tune, tune_trials=8, parameters=QUICK)
    assert tuned["parameters"] != DECLARED
    run = client().get_run(form(tasks.train, tuned, parameters=QUICK)).data
    assert run.params["num_leaves"] == str(tuned["parameters"]["num_leaves"])
    assert run.params["learning_rate"] == str(tuned["parameters"]["learning_rate"])
    assert run.params["num_boost_round"] == "12"
    assert run.tags["airworthy.tuned_by"] == tuned["run_id"]


def test_a_training_without_tuning_names_no_study(form):
    run = client().get_run(form(tasks.train, None, parameters=QUICK)).data
    assert "airworthy.tuned_by" not in run.tags
    assert run.params["num_leaves"] == "15"


# -- what tune stores of a search in MLflow, and that an equal search is not run twice

studies = pytest.mark.xdist_group("studies of tune")


# -- what is kept


@studies
def test_every_trial_is_a_run_below_its_study(toy_lake, tracking):
    result = quick()
    study, *trials = runs()
    assert study.info.run_id == result.run_id
    assert study.info.run_name == "tuning of toy as of 2020-03-01"
    assert study.info.status == "FINISHED"
    assert study.data.metrics["validation/log_loss.tuned"] == result.loss
    assert study.data.params == {name: str(value) for name, value in result.parameters.items()}
    assert [trial.info.run_name for trial in trials] == ["trial 0", "trial 1", "trial 2", "trial 3"]
    assert {trial.data.tags["mlflow.parentRunId"] for trial in trials} == {result.run_id}
    assert trials[0].data.params == {name: str(value) for name, value in DECLARED.items()}
    assert trials[0].data.metrics["value"] == result.declared_loss
    assert min(trial.data.metrics["value"] for trial in trials) == result.loss
    on_the_way = client().get_metric_history(trials[0].info.run_id, "intermediate_value")
    assert [each.step for each in on_the_way] == list(range(1, len(on_the_way) + 1))
    assert len(on_the_way) >= QUICK["early_stopping_rounds"]


@studies
def test_a_hopeless_trial_ends_early_and_is_kept_as_killed(toy_lake, tracking, set_limits):
    set_limits(startup_trials=1)  # whatever is worse than the declared parameters is pruned
    learns_next_to_nothing = {"learning_rate": SearchRange(1e-6, 0.1, log=True)}
    result = quick(replace(USE_CASE, training=replace(USE_CASE.training, search_space=learns_next_to_nothing)))
    finished, *killed = trials_of(result.run_id)
    assert finished.info.status == "FINISHED"
    assert [trial.info.status for trial in killed] == ["KILLED"] * result.pruned == ["KILLED"] * 3
    num_boost_round = {len(client().get_metric_history(trial.info.run_id, "intermediate_value")) for trial in killed}
    assert num_boost_round == {QUICK["early_stopping_rounds"]}
    assert result.parameters == {"learning_rate": 0.1}


@studies
def test_optuna_can_load_the_study_from_mlflow(toy_lake, tracking):
    result = quick()
    study = optuna.load_study(study_name="tuning of toy as of 2020-03-01", storage=MlflowStorage("1"))
    assert study.best_params == result.parameters
    assert study.best_value == result.loss
    assert sorted(trial.number for trial in study.trials) == [0, 1, 2, 3]


@studies
def test_the_study_is_kept_at_the_given_address_and_the_process_keeps_its_own(
    tracking, tmp_path, monkeypatch, configure
):
    elsewhere = tmp_path / "elsewhere.db"
    project = open_project(USE_CASE)
    assert project.settings.mlflow == tracking
    configure(mlflow=f"sqlite:///{elsewhere}")
    monkeypatch.chdir(tmp_path)
    studies, kept = Studies.open(project), []
    run = studies.start_study("a study", {})
    search.search_parameters(
        search.search_space(USE_CASE), lambda *_: 1.0, seed=1, trials=2, warm_up=1, over=lambda: False, keep=kept.append
    )
    for trial in kept:
        studies.keep(run, trial)
    assert len(MlflowClient(tracking).search_runs(["1"])) == 3
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{elsewhere}"
    configure(mlflow=None)
    Studies.open(project).start_study("another", {})
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert not elsewhere.exists()
    assert not list(tmp_path.glob("*.db")) + list(tmp_path.glob("mlruns"))


@studies
def test_a_study_is_the_same_on_a_real_server(toy_lake, tracking, mlflow_server, configure):
    without_server = quick()
    configure(mlflow=mlflow_server)
    result = quick()
    assert choice(result) == choice(without_server)
    served = MlflowClient(mlflow_server)
    experiment = served.get_experiment_by_name("toy").experiment_id
    below = served.search_runs([experiment], f"tags.mlflow.parentRunId = '{result.run_id}'")
    assert sorted(trial.info.run_name for trial in below) == ["trial 0", "trial 1", "trial 2", "trial 3"]
    assert quick().reused


# -- that nothing is done twice


@studies
def test_a_rerun_searches_nothing_and_chooses_the_same(toy_lake, tracking):
    first, again = quick(), quick()
    assert (first.reused, again.reused) == (False, True)
    assert replace(again, reused=False) == first
    assert len(runs()) == 1 + first.trials


@studies
@pytest.mark.parametrize("other", [{"trials": 3}, {"window_periods": 50}, {"parameters": {"max_bin": 50}}])
def test_another_question_is_another_study(toy_lake, tracking, other):
    assert quick().run_id != quick(**other).run_id


@studies
def test_another_space_or_seed_is_another_study(toy_lake, tracking):
    first = quick()
    narrower = replace(USE_CASE.training, search_space={**SPACE, "num_leaves": SearchRange(2, 39)})
    for training in (narrower, replace(USE_CASE.training, seed=1)):
        assert not quick(replace(USE_CASE, training=training)).reused
    assert quick().run_id == first.run_id


@studies
def test_a_study_that_broke_half_way_is_done_again(toy_lake, tracking, monkeypatch):
    def killed(studies: Studies, study: str, trial: optuna.trial.FrozenTrial) -> None:
        keep(studies, study, trial)
        if trial.number == 1:
            raise KeyboardInterrupt

    keep = Studies.keep
    with monkeypatch.context() as broken:
        broken.setattr(Studies, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            quick()
    assert runs()[0].info.status == "FAILED"
    again = quick()
    assert not again.reused
    assert again.trials == 4


@studies
def test_a_study_that_the_clock_ended_answers_who_gives_no_more_time(toy_lake, tracking):
    ticking = iter(range(0, 10_000, 20))
    short = quick(minutes=1, clock=lambda: next(ticking))
    assert short.stopped_by == "minutes"
    assert quick(minutes=1).run_id == short.run_id
    assert quick(minutes=0.5).run_id == short.run_id
    longer = quick(minutes=60)
    assert (longer.reused, longer.stopped_by) == (False, "trials")
    assert quick(minutes=1).run_id == short.run_id
    assert quick(minutes=60).run_id == longer.run_id


@studies
@pytest.mark.parametrize("found", ["[]", "{}", '{"a": 1}', "no JSON", "[" * 4_000])
def test_a_study_whose_tags_cannot_be_read_is_done_again(toy_lake, tracking, found):
    first = quick()
    MlflowClient(tracking).set_tag(first.run_id, "airworthy.found", found)
    again = quick()
    assert not again.reused and again.parameters == first.parameters
