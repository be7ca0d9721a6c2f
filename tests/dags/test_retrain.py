"""The sensor and the operator of <use case>__retrain, with the context that Airflow gives to a task."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException, TaskDeferred

from include.declaration.period import Period
from include.errors import PartitionMissingError
from include.orchestration import sensors, trigger_training
from include.orchestration.tasks import retrain as tasks
from include.orchestration.trigger_training import TriggerTrainingOperator
from include.project import open_project
from include.retraining import decide, outcome, reserve_slot
from include.retraining.budget import RetrainingBudget
from tests import toy
from tests.monitoring import measures
from tests.refusals import fails_task, raises
from tests.retraining.test_decide import FIRST, USE_CASE, lake, later, train

__all__ = ["lake"]  # the fixture


class Airflow:
    """What a task may ask Airflow for, of runs that are given here."""

    def __init__(
        self,
        *,
        last: dict[str, str | None] | None = None,
        training: str | None = None,
        paused: bool = False,
        monitored: bool = True,
    ):
        self.last, self.training, self.paused = last or {}, training, paused
        self.monitored = monitored
        """Whether a run of the DAG `monitor` is there, which may make the day's measures."""

    def get_task_states(self, dag_id, task_ids):
        if dag_id == "toy__monitor":
            assert task_ids == ["measure"]
            return {"manual__2020-01-01T00:00__x": {"measure": None}} if self.monitored else {}
        assert (dag_id, task_ids) == ("toy__retrain", ["record_outcome"])
        return {run: {"record_outcome": state} for run, state in self.last.items()}

    def get_dr_count(self, dag_id, run_ids):
        return int(self.training is not None)

    def get_dagrun_state(self, dag_id, run_id):
        return "running" if dag_id in ("toy__retrain", "toy__monitor") else self.training

    def xcom_push(self, key, value):
        self.links = {key: value}

    def xcom_pull(self, task_id, *, dag_id, run_id):
        return None

    def get_dag(self, dag_id):
        return SimpleNamespace(is_paused=self.paused)


def context(period: Period, **airflow: object) -> dict:
    run = SimpleNamespace(partition_key=str(period), start_date=datetime.now(UTC))
    return {"dag_run": run, "params": {"period": None}, "ti": Airflow(**airflow)}


def backfill(period: Period) -> str:
    return f"backfill__{period}T00:00:00+00:00__{period}__pbgYkzNc"


@pytest.fixture
def turn(lake, monkeypatch, declare) -> sensors.PreviousDecisionSensor:
    declare(USE_CASE)
    sensor = sensors.PreviousDecisionSensor(
        task_id="wait_for_metrics", use_case="toy", last_task="record_outcome", deferrable=True
    )
    monkeypatch.setattr(sensors.PreviousDecisionSensor, "dag_id", "toy__retrain")
    return sensor


def test_a_day_goes_on_where_the_day_before_is_decided(turn, lake):
    for period in (FIRST, later(1)):
        measures.write(lake, period)
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    turn.execute(context(later(1)))


def test_a_day_waits_while_a_run_for_an_earlier_day_has_not_ended(turn, lake):
    measures.write(lake, later(2))
    for runs in ({backfill(FIRST): None}, {backfill(FIRST): "deferred", backfill(later(1)): "success"}):
        with pytest.raises(TaskDeferred) as deferred:
            turn.execute(context(later(2), last=runs))
        assert deferred.value.trigger.serialize()[0] == "include.orchestration.sensors.PreviousDecisionTrigger"


def test_a_day_begins_the_chain_where_only_later_days_wait(turn, lake):
    measures.write(lake, FIRST)
    runs = {backfill(FIRST): None, backfill(later(1)): None, backfill(later(-1)): "upstream_failed"}
    turn.execute(context(FIRST, last=runs))


def test_a_day_that_no_one_will_decide_is_named_at_once(turn, lake):
    for period in (FIRST, later(2)):
        measures.write(lake, period)
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    with fails_task(PartitionMissingError, "--from-date 2020-03-02"):
        turn.execute(context(later(2), last={backfill(later(1)): "failed", "manual__2020-01-01T00:00__x": None}))


def test_a_day_is_measured_first_and_then_waits_its_turn(turn, lake):
    waiting = context(later(1), last={backfill(FIRST): "running"})
    with pytest.raises(TaskDeferred) as deferred:
        turn.execute(waiting)
    assert (deferred.value.trigger.table, deferred.value.method_name) == ("metrics", "resume")
    measures.write(lake, later(1))
    with pytest.raises(TaskDeferred) as deferred:
        turn.resume(waiting, True, str(later(1)))
    assert deferred.value.method_name == "resume_after_decision"
    turn.resume_after_decision(waiting, True)


def test_a_day_that_is_never_measured_is_named_with_the_command(turn):
    late = context(FIRST)
    late["dag_run"].start_date -= turn.limit
    with fails_task(PartitionMissingError, "--dag-id toy__monitor", table="metrics", period=FIRST):
        turn.resume(late, False, str(FIRST))


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_past_day_that_no_run_measures_fails_at_once_with_the_command(turn, deferrable):
    turn.deferrable = deferrable
    alone = context(FIRST, monitored=False)
    with fails_task(PartitionMissingError, "toy__monitor", period=FIRST):
        turn.execute(alone) if deferrable else turn.poke(alone)


def test_without_a_triggerer_it_looks_now_and_then(turn, lake):
    turn.deferrable = False
    waiting = context(later(1), last={backfill(FIRST): "running"})
    assert not turn.poke(waiting)
    for period in (FIRST, later(1)):
        measures.write(lake, period)
    assert not turn.poke(waiting)
    decide.decide_retraining(open_project(USE_CASE), FIRST)
    assert turn.poke(waiting)


def test_at_its_limit_the_sensor_names_the_day_before_or_goes_on_to_hold(turn, lake):
    for period in (FIRST, later(1)):
        measures.breach(lake, period)
        decide.decide_retraining(open_project(USE_CASE), period)
    with fails_task(PartitionMissingError, table="decisions", period=later(2)):
        turn.resume_after_decision(context(later(3)), False)
    turn.resume_after_decision(context(later(2)), False)  # only the outcome of the training is missing


@pytest.mark.parametrize("deferrable", [True, False])
def test_at_its_limit_no_chain_begins_while_earlier_days_have_not_ended(turn, lake, deferrable):
    """A backfill in reverse order: the earlier days start when the later ones have ended."""
    turn.deferrable = deferrable
    measures.write(lake, later(2))
    waiting = context(later(2), last={backfill(FIRST): None, backfill(later(1)): None})
    waiting["dag_run"].start_date -= turn.limit
    with raises(AirflowFailException, "8:00:00", later(1), FIRST):
        turn.resume_after_decision(waiting, False) if deferrable else turn.poke(waiting)


def test_at_its_limit_a_day_holds_where_the_day_before_still_trains(turn, lake):
    for period in (FIRST, later(1)):
        measures.breach(lake, period)
        decide.decide_retraining(open_project(USE_CASE), period)
    waiting = context(later(2), last={backfill(later(1)): "running"})
    with pytest.raises(TaskDeferred):
        turn.resume_after_decision(waiting, False)  # nothing has come within a minute: it looks again
    waiting["dag_run"].start_date -= turn.limit
    turn.resume_after_decision(waiting, False)


def test_a_waiting_day_goes_on_where_the_run_for_the_earlier_day_has_gone(turn, lake):
    measures.write(lake, later(1))
    with pytest.raises(TaskDeferred) as deferred:
        turn.execute(context(later(1), last={backfill(FIRST): "running"}))
    until = datetime.fromisoformat(deferred.value.trigger.until)
    assert until < datetime.now(UTC) + timedelta(minutes=2)
    turn.resume_after_decision(context(later(1), last={backfill(FIRST): "success"}), False)


# -- starting the training


@pytest.fixture
def operator(lake, configure, declare) -> TriggerTrainingOperator:
    """Of a day that was decided to retrain."""
    declare(USE_CASE)
    configure.airflow("operators", default_deferrable="True")
    for period in (FIRST, later(1)):
        measures.breach(lake, period)
        decide.decide_retraining(open_project(USE_CASE), period)
    return TriggerTrainingOperator(task_id="train", use_case=USE_CASE)


DAY = later(1)


def test_the_training_is_started_as_of_the_day_with_the_reason(operator):
    with pytest.raises(DagRunTriggerException) as started:
        operator.execute(context(DAY))
    asked = started.value
    assert (asked.trigger_dag_id, asked.dag_run_id) == ("toy__train", "drift__2020-03-02")
    assert asked.conf["period"] == "2020-03-02"
    assert "Weighted drift triggers a training" in asked.conf["reason"]
    assert (asked.wait_for_completion, asked.deferrable) == (True, True)


def test_a_training_that_is_there_is_waited_for(operator):
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context(DAY, training="running"))
    assert deferred.value.trigger.run_ids == ["drift__2020-03-02"]


def test_the_task_links_to_its_training_while_it_waits_and_afterwards(operator):
    asked = context(DAY, training="running")
    with pytest.raises(TaskDeferred):
        operator.execute(asked)
    (link,) = operator.operator_extra_links
    shown = asked["ti"].links[link.xcom_key]
    assert shown.endswith("/dags/toy__train/runs/drift__2020-03-02")
    continued = TriggerTrainingOperator(task_id="train", use_case=USE_CASE)
    assert link.get_link(continued, ti_key=None) == ""
    continued.execute_complete({}, ("trigger", {"run_ids": ["drift__2020-03-02"]}))
    assert link.get_link(continued, ti_key=None) == shown


def test_without_a_triggerer_the_training_is_waited_for_all_the_same(operator, monkeypatch):
    operator.deferrable, states = False, ["running", "failed"]
    waiting = context(DAY, training="queued")
    monkeypatch.setattr(
        trigger_training.time, "sleep", lambda seconds: setattr(waiting["ti"], "training", states.pop(0))
    )
    operator.execute(waiting)
    assert states == []
    with pytest.raises(DagRunTriggerException) as started:
        operator.execute(context(DAY))
    assert (started.value.wait_for_completion, started.value.deferrable) == (True, False)


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_training_that_has_ended_is_not_started_again(operator, state):
    assert operator.execute(context(DAY, training=state, paused=True)) is None


@pytest.mark.parametrize("there", [None, "queued"])
def test_a_paused_training_is_not_waited_for(operator, there):
    with raises(AirflowSkipException, TriggerTrainingOperator.PAUSED.format(dag_id="toy__train")):
        operator.execute(context(DAY, training=there, paused=True))


def test_a_training_that_airflow_has_forgotten_is_not_made_twice(operator, lake):
    train(lake, DAY)
    with raises(AirflowSkipException, DAY):
        operator.execute(context(DAY))


def test_a_note_is_no_longer_than_airflow_keeps(operator, lake, monkeypatch):
    long = decide.DecideResult(str(DAY), "retrain", "x" * 3000, "1", new=False)
    monkeypatch.setattr(decide, "existing_decision", lambda *_: long)
    with pytest.raises(DagRunTriggerException) as started:
        operator.execute(context(DAY))
    assert len(started.value.note) == 1000


def test_waiting_for_a_persons_approval_is_not_cut_short(operator):
    assert operator.execution_timeout > toy.USE_CASE.approval.wait + timedelta(hours=1)


# -- killed in between


@pytest.mark.parametrize("done", [[], [reserve_slot.reserve_slot]])
def test_killed_before_the_training_is_started_the_day_is_run_again_and_starts_it_once(operator, lake, done):
    """Killed after `decide`, or after `reserve_slot`: then all of it is run again, measured again or not."""
    for stage in done:
        stage(open_project(USE_CASE), DAY)
    measures.write(lake, DAY)
    again = decide.decide_retraining(open_project(USE_CASE), DAY)
    assert (again.outcome, again.new) == ("retrain", False)
    assert reserve_slot.reserve_slot(open_project(USE_CASE), DAY).slot == 1
    assert [each.period for each in RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(DAY)] == [DAY]
    with pytest.raises(DagRunTriggerException) as started:
        operator.execute(context(DAY))
    assert started.value.dag_run_id == "drift__2020-03-02"
    with pytest.raises(TaskDeferred):
        operator.execute(context(DAY, training="queued"))


# -- recording what became of it


@pytest.fixture
def record(operator, declare, run_as_task):
    """The task `record` of that day; what Airflow passes to it is given."""

    def recorded(**airflow):
        declare(USE_CASE)
        run_as_task(context(DAY, **airflow))
        return tasks.record_outcome.function("toy")

    return recorded


def test_recording_that_others_were_first_claims_nothing(record):
    """Also where the budget has been made larger since."""
    assert record()["outcome"] == "not started"
    assert RetrainingBudget.open(open_project(USE_CASE)).claims_of_month(DAY) == []


def test_a_training_that_was_claimed_and_not_started_fails_the_run(record):
    reserve_slot.reserve_slot(open_project(USE_CASE), DAY)
    with raises(AirflowFailException, TriggerTrainingOperator.PAUSED.format(dag_id="toy__train")):
        record()
    assert outcome.recorded_outcome(open_project(USE_CASE), DAY) == "not started"


def test_a_training_that_runs_is_not_recorded(record):
    with raises(AirflowFailException, "toy__train", "running"):
        record(training="running")
    assert outcome.recorded_outcome(open_project(USE_CASE), DAY) is None
