"""What tune stores of a search in MLflow, and that an equal search is not run twice."""

import os
from dataclasses import replace

import optuna
import pytest
from mlflow import MlflowClient
from mlflow.optuna.storage import MlflowStorage

from include.training import search
from include.training.optuna_mlflow import Studies
from include.use_case import SearchRange
from tests.toy_search import DECLARED, QUICK, SPACE, USE_CASE, choice, client, quick, runs, trials_of

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_plots")]


# -- what is kept


def test_every_trial_is_a_run_below_its_study(toy_lake, tracking):
    result = quick()
    study, *trials = runs()
    assert study.info.run_id == result.run_id
    assert study.info.run_name == "tuning of toy as of 2020-03-01"
    assert study.info.status == "FINISHED"
    assert study.data.metrics["validation/log_loss.tuned"] == result.log_loss
    assert study.data.params == {name: str(value) for name, value in result.parameters.items()}
    assert [trial.info.run_name for trial in trials] == ["trial 0", "trial 1", "trial 2", "trial 3"]
    assert {trial.data.tags["mlflow.parentRunId"] for trial in trials} == {result.run_id}
    assert trials[0].data.params == {name: str(value) for name, value in DECLARED.items()}
    assert trials[0].data.metrics["value"] == result.declared_log_loss
    assert min(trial.data.metrics["value"] for trial in trials) == result.log_loss
    on_the_way = client().get_metric_history(trials[0].info.run_id, "intermediate_value")
    assert [each.step for each in on_the_way] == list(range(1, len(on_the_way) + 1))
    assert len(on_the_way) >= QUICK["early_stopping_rounds"]


def test_a_hopeless_trial_ends_early_and_is_kept_as_killed(toy_lake, tracking, monkeypatch):
    monkeypatch.setattr(search, "STARTUP_TRIALS", 1)  # whatever is worse than the declared parameters is pruned
    learns_next_to_nothing = {"learning_rate": SearchRange(1e-6, 0.1, log=True)}
    result = quick(replace(USE_CASE, training=replace(USE_CASE.training, search_space=learns_next_to_nothing)))
    finished, *killed = trials_of(result.run_id)
    assert finished.info.status == "FINISHED"
    assert [trial.info.status for trial in killed] == ["KILLED"] * result.pruned == ["KILLED"] * 3
    rounds = {len(client().get_metric_history(trial.info.run_id, "intermediate_value")) for trial in killed}
    assert rounds == {QUICK["early_stopping_rounds"]}
    assert result.parameters == {"learning_rate": 0.1}


def test_optuna_can_load_the_study_from_mlflow(toy_lake, tracking):
    result = quick()
    study = optuna.load_study(study_name="tuning of toy as of 2020-03-01", storage=MlflowStorage("1"))
    assert study.best_params == result.parameters
    assert study.best_value == result.log_loss
    assert sorted(trial.number for trial in study.trials) == [0, 1, 2, 3]


def test_the_study_is_kept_at_the_given_address_and_the_process_keeps_its_own(tracking, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    monkeypatch.chdir(tmp_path)
    studies, kept = Studies(USE_CASE, tracking), []
    run = studies.start_study("a study", {})
    search.search_parameters(
        search.search_space(USE_CASE), lambda *_: 1.0, seed=1, trials=2, warm_up=1, over=lambda: False, keep=kept.append
    )
    for trial in kept:
        studies.keep(run, trial)
    assert len(MlflowClient(tracking).search_runs(["1"])) == 3
    assert os.environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{elsewhere}"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    Studies(USE_CASE, tracking).start_study("another", {})
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert not elsewhere.exists()
    assert not list(tmp_path.glob("*.db")) + list(tmp_path.glob("mlruns"))


def test_a_study_is_the_same_on_a_real_server(toy_lake, tracking, mlflow_server, monkeypatch):
    without_server = quick()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    result = quick()
    assert choice(result) == choice(without_server)
    served = MlflowClient(mlflow_server)
    experiment = served.get_experiment_by_name("toy").experiment_id
    below = served.search_runs([experiment], f"tags.mlflow.parentRunId = '{result.run_id}'")
    assert sorted(trial.info.run_name for trial in below) == ["trial 0", "trial 1", "trial 2", "trial 3"]
    assert quick().reused


# -- that nothing is done twice


def test_a_rerun_searches_nothing_and_chooses_the_same(toy_lake, tracking):
    first, again = quick(), quick()
    assert (first.reused, again.reused) == (False, True)
    assert replace(again, reused=False) == first
    assert len(runs()) == 1 + first.trials


@pytest.mark.parametrize("other", [{"trials": 3}, {"window_periods": 50}, {"parameters": {"max_bin": 50}}])
def test_another_question_is_another_study(toy_lake, tracking, other):
    assert quick().run_id != quick(**other).run_id


def test_another_space_or_seed_is_another_study(toy_lake, tracking):
    first = quick()
    narrower = replace(USE_CASE.training, search_space={**SPACE, "num_leaves": SearchRange(2, 39)})
    for training in (narrower, replace(USE_CASE.training, seed=1)):
        assert not quick(replace(USE_CASE, training=training)).reused
    assert quick().run_id == first.run_id


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


@pytest.mark.parametrize("found", ["[]", "{}", '{"a": 1}', "no JSON", "[" * 4_000])
def test_a_study_whose_tags_cannot_be_read_is_done_again(toy_lake, tracking, found):
    first = quick()
    MlflowClient(tracking).set_tag(first.run_id, "airworthy.found", found)
    again = quick()
    assert not again.reused and again.parameters == first.parameters
