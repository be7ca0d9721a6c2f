"""Code shared by all tasks: the day of a run, and which errors are retried."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from include.declaration.form_limits import TextTooLongError
from include.declaration.period import Period, PeriodError
from include.errors import AirworthyError, BeforeFirstPeriodError, DataError, PartitionMissingError
from include.lake.lake import Lake
from include.model.lightgbm_params import InvalidParametersError
from include.model.model_errors import TrainingWindowError
from include.orchestration import dag_factory, sensors
from include.orchestration.dag_factory import FormFieldsError, RunPeriodsError
from include.orchestration.tasks import train
from include.training.training_errors import MinutesError
from tests import toy
from tests.refusals import fails_task, raises

DAY = Period("2020-01-05")


def context(key: str | None = None, period: str | None = None, **conf: str) -> dict:
    triggered = datetime(2020, 3, 6, 12, tzinfo=UTC)
    run = SimpleNamespace(partition_key=key, start_date=datetime.now(UTC), run_after=triggered, conf=conf)
    return {"dag_run": run, "params": {"period": period} | conf, "dag": SimpleNamespace(params={"period": None})}


@pytest.mark.parametrize(
    "given", [context(key="2020-01-05"), context(period="2020-01-05"), context("2020-01-05", "2020-01-05")]
)
def test_the_day_is_the_partition_key_or_the_forms(given):
    assert dag_factory.period_of(given, toy.USE_CASE) == DAY


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (context(day="2020-01-05"), raises(FormFieldsError, unknown=("day",), known=("period",))),
        (context("2020-01-05", "2020-01-06"), raises(RunPeriodsError, key="2020-01-05", chosen="2020-01-06")),
        (context(period="yesterday"), raises(PeriodError, "'yesterday'")),
        (context(period="../2020"), raises(PeriodError, "'../2020'")),
    ],
    ids=["another field", "two", "a word", "a path"],
)
def test_a_run_without_a_clear_day_is_refused_with_a_way_out(given, refusal):
    with refusal:
        dag_factory.period_of(given, toy.USE_CASE)


def test_a_run_by_hand_without_a_day_is_for_the_newest_one_at_its_trigger(set_clock):
    set_clock(datetime(2020, 3, 9, 12, tzinfo=UTC))  # it is cleared days later
    assert dag_factory.period_of(context(), toy.USE_CASE) == Period("2020-03-06")


def test_the_newest_day_of_a_use_case_that_has_ended_is_its_last():
    ended = replace(toy.USE_CASE, last_period=Period("2020-02-01"))
    assert dag_factory.period_of(context(), ended) == Period("2020-02-01")


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"parameters": {"num_leafs": 3}}, fails_task(InvalidParametersError, "num_leafs")),
        ({"window_periods": -5}, fails_task(TrainingWindowError, periods=-5)),
        ({"tune_trials": 5, "tune_minutes": 0}, fails_task(MinutesError, minutes=0)),
        ({"reason": "x" * 2_001}, fails_task(TextTooLongError, field="reason")),
    ],
    ids=["parameters", "window", "minutes", "reason"],
)
def test_the_first_task_of_a_training_refuses_a_form_before_it_builds(fields, refusal, lake_home, declare, run_as_task):
    declare(toy.USE_CASE)
    run_as_task(context(period="2020-03-05") | {"params": {"period": "2020-03-05"} | fields})
    with refusal:
        train.prepare.function("toy")
    assert not lake_home.exists() or not list(lake_home.rglob("*.parquet"))


def test_what_trying_again_cannot_mend_fails_at_once():
    with pytest.raises(AirflowFailException, match="rotten"), dag_factory.fail_without_retry():
        raise DataError("rotten")


def test_what_may_pass_is_left_to_the_retries():
    class BusyError(AirworthyError):
        retryable = True

    with pytest.raises(BusyError), dag_factory.fail_without_retry():
        raise BusyError("later")


@pytest.fixture
def sensor(lake_home, declare, set_clock):
    """The sensor, on the day that it waits for."""
    set_clock(datetime(2020, 1, 5, 1, tzinfo=UTC))
    declare(toy.USE_CASE)
    return sensors.PeriodSensor(task_id="wait_for_features", use_case="toy", table="features", deferrable=True)


def test_the_sensor_goes_on_where_features_are_there(sensor):
    toy.fill(Lake.open(toy.USE_CASE), DAY, DAY)
    sensor.execute(context(key=str(DAY)))


def test_the_sensor_gives_its_slot_away_while_it_waits(sensor):
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context(key=str(DAY)))
    assert deferred.value.trigger.serialize()[1]["period"] == str(DAY)


def test_the_sensor_does_not_wait_for_a_day_before_the_first(sensor):
    with fails_task(BeforeFirstPeriodError, period=Period("2019-12-31")):
        sensor.execute(context(key="2019-12-31"))


def test_a_retry_of_the_sensor_does_not_wait_again(sensor):
    started = datetime(2020, 1, 5, tzinfo=UTC)
    run = SimpleNamespace(partition_key=str(DAY), start_date=started)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute({"dag_run": run, "params": {}})
    assert deferred.value.trigger.serialize()[1]["until"] == (started + sensor.limit).isoformat()


def test_at_the_limit_the_sensor_names_the_command_that_builds_the_day(sensor):
    run = SimpleNamespace(partition_key=str(DAY), start_date=datetime.now(UTC) - sensor.limit)
    command = "airflow backfill create --dag-id toy__data --from-date 2020-01-05"
    with fails_task(PartitionMissingError, command, table="features", period=DAY):
        sensor.resume({"dag_run": run, "params": {}}, False, str(DAY))


class Airflow:
    """What a task may ask of the runs of <use case>__data."""

    def __init__(self, runs: dict[str, tuple[str | None, str]]) -> None:
        self.runs = runs

    def get_task_states(self, dag_id, task_ids):
        assert (dag_id, task_ids) == ("toy__data", ["build_features"])
        return {run: {"build_features": task} for run, (task, _) in self.runs.items()}

    def get_dagrun_state(self, dag_id, run_id):
        return self.runs[run_id][1]


BACKFILL, EARLIER = (f"backfill__{day}T00:00:00+00:00__{day}__pbgYkzNc" for day in (DAY, DAY - 1))


def past(set_clock, **runs):
    set_clock(datetime(2020, 1, 6, 1, tzinfo=UTC))
    run = SimpleNamespace(partition_key=str(DAY), start_date=datetime.now(UTC))
    return {"dag_run": run, "params": {}, "ti": Airflow(runs)}


NO_MAKER = [
    {},
    {BACKFILL: ("failed", "failed")},
    {BACKFILL: ("upstream_failed", "failed")},
    {BACKFILL: (None, "failed")},  # its backfill was cancelled before it began
    {EARLIER: ("running", "running")},
    {"manual__2026-11-28T10:00:00+00:00": ("success", "success")},
]


@pytest.mark.parametrize("runs", NO_MAKER)
def test_a_past_day_that_no_one_makes_is_not_waited_for(sensor, set_clock, runs):
    command = "airflow backfill create --dag-id toy__data --from-date 2020-01-05 --to-date 2020-01-05"
    with fails_task(PartitionMissingError, command, table="features", period=DAY):
        sensor.execute(past(set_clock, **runs))
    with pytest.raises(AirflowFailException):
        sensor.poke(past(set_clock, **runs))


@pytest.mark.parametrize(
    "runs",
    [
        {BACKFILL: (None, "queued")},
        {BACKFILL: ("up_for_retry", "running")},
        {"manual__2026-11-28T10:00:00+00:00": ("running", "running")},
    ],
)
def test_a_past_day_is_waited_for_while_a_run_may_make_it_and_then_looked_at_again(sensor, set_clock, runs):
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(past(set_clock, **runs))
    until = datetime.fromisoformat(deferred.value.trigger.serialize()[1]["until"])
    assert until < datetime.now(UTC) + timedelta(minutes=2)
    with pytest.raises(TaskDeferred):
        sensor.resume(past(set_clock, **runs), False, str(DAY))
    with fails_task(PartitionMissingError, period=DAY):
        sensor.resume(past(set_clock), False, str(DAY))
    assert not sensor.poke(past(set_clock, **runs))


def test_what_is_waited_for_is_named_at_once(sensor, capsys):
    with pytest.raises(TaskDeferred):
        sensor.execute(context(key=str(DAY)))
    assert "no features of 2020-01-05 yet. The run of toy__data for 2020-01-05 makes them" in capsys.readouterr().out


def test_a_day_that_is_not_required_is_gone_without(sensor, set_clock, capsys):
    sensor.required = False
    sensor.execute(past(set_clock))
    assert "no run that would make them" in capsys.readouterr().out


async def _first(trigger: sensors.PeriodTrigger) -> bool:
    async for event in trigger.run():
        return event.payload
    raise AssertionError("no event")


def test_the_trigger_fires_when_the_features_come(sensor):
    async def scene() -> bool:
        until = datetime.now(UTC) + timedelta(minutes=1)
        waiting = asyncio.create_task(
            _first(sensors.PeriodTrigger("toy", "features", str(DAY), until.isoformat(), 0.01))
        )
        await asyncio.to_thread(toy.fill, Lake.open(toy.USE_CASE), DAY, DAY)
        return await waiting

    assert asyncio.run(scene()) is True


def test_the_trigger_gives_up_at_its_limit(sensor):
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert asyncio.run(_first(sensors.PeriodTrigger("toy", "features", str(DAY), past.isoformat(), 60))) is False
