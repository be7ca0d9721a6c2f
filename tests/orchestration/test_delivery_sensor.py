"""Waiting for a day's files: with and without a triggerer, in time, too late, and on a failing server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from include.declaration.landing import DeliveryMissingError
from include.declaration.period import Period
from include.errors import BeforeFirstPeriodError
from include.ingestion import ingest, validate
from include.ingestion.bucket import BucketError
from include.orchestration import delivery_sensor
from include.orchestration.delivery_sensor import DeliverySensor, DeliveryTrigger
from include.orchestration.retries import RETRIES
from include.project import open_project
from include.settings import REPOSITORY
from tests.landing_bucket import DAY, deliver, landing_toy
from tests.refusals import fails_task

pytestmark = pytest.mark.slow

TODAY = Period.from_date(datetime.now(UTC).date())
LONG = {"wait": timedelta(hours=30), "every": timedelta(milliseconds=20)}
DATA_DAG = REPOSITORY / "dags" / "data.py"


def context(period: Period = TODAY) -> dict:
    return {"dag_run": SimpleNamespace(partition_key=str(period), start_date=datetime.now(UTC)), "params": {}}


def sensor(use_case, feed: str = "events", deferrable: bool = True) -> DeliverySensor:
    return DeliverySensor(task_id="wait", use_case=use_case, feed=use_case.feed(feed), deferrable=deferrable)


@pytest.fixture
def use_case(landing, declare):
    made = landing_toy(landing.name, events={**LONG, "ready": "_SUCCESS"})
    declare(made)
    return made


def put_mark(landing, period: Period = TODAY) -> None:
    landing.put(f"events/{period}/_SUCCESS", b"")


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_is_airflows_own_sensor_and_goes_on_where_the_files_are(use_case, landing, deferrable):
    put_mark(landing)
    found = sensor(use_case, deferrable=deferrable)
    assert isinstance(found, S3KeySensor)
    assert found.aws_conn_id == "aws_default"
    assert found.execute(context()) is None if deferrable else found.poke(context())


def test_a_file_without_the_mark_is_not_yet_the_day(use_case, landing):
    landing.put(f"events/{TODAY}/a.csv", b"")
    assert sensor(use_case, deferrable=False).poke(context()) is False


def test_with_a_triggerer_it_gives_its_slot_away_until_the_limit_of_the_day(use_case):
    with pytest.raises(TaskDeferred) as deferred:
        sensor(use_case).execute(context())
    path, arguments = deferred.value.trigger.serialize()
    assert path == "include.orchestration.delivery_sensor.DeliveryTrigger"
    midnight = datetime.combine(TODAY.start_date, datetime.min.time(), UTC)
    assert arguments["until"] == (midnight + timedelta(hours=30)).isoformat()
    assert DeliveryTrigger(**arguments).serialize() == (path, arguments)


@pytest.mark.parametrize("deferrable", [True, False])
def test_of_a_day_long_past_missing_files_are_missed_at_once(use_case, landing, deferrable):
    period = Period("2020-01-05")
    waiting = sensor(use_case, deferrable=deferrable)
    with pytest.raises(AirflowFailException) as failed:
        (waiting.execute if deferrable else waiting.poke)(context(period))
    for word in (
        "toy",
        "'events'",
        "2020-01-05",
        f"'{landing.name}'",
        "'events/2020-01-05/'",
        "_SUCCESS",
        "1 day, 6:00",
    ):
        assert word in str(failed.value)


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_published_day_whose_files_have_gone_since_is_not_waited_for_unless_they_are_to_be_taken(landing, deferrable):
    deliver(landing)
    use_case = landing_toy(landing.name)
    ingest.ingest_period(open_project(use_case), DAY), validate.validate_period(open_project(use_case), DAY)
    landing.remove_all()
    waiting = sensor(use_case, deferrable=deferrable)
    assert waiting.poke(context(DAY))
    assert ingest.ingest_period(open_project(use_case), DAY)["events"].partition.rows == 200
    with fails_task(DeliveryMissingError, feed="events", period=DAY):
        waiting.poke({**context(DAY), "params": {"take_changed": True}})


def test_a_server_that_fails_at_the_first_look_is_waited_for_too(use_case, landing, faults):
    faults.next = ["503"] * 100
    assert sensor(use_case, deferrable=False).poke(context()) is False
    with pytest.raises(TaskDeferred):
        sensor(use_case).execute(context())


def test_past_the_limit_a_failing_server_is_worth_another_try_of_the_task_and_a_refusing_one_is_not(landing, faults):
    past = landing_toy(landing.name)
    faults.next = ["503"] * 100
    with pytest.raises(BucketError) as refused:
        sensor(past).execute(context(DAY))
    assert refused.value.retryable
    faults.next = ["403"] * 100
    with fails_task(BucketError, retryable=False):
        sensor(past).execute(context())


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_day_with_more_objects_than_are_accepted_is_left_to_ingest_which_refuses_it(use_case, landing, deferrable):
    events = use_case.feed("events")
    few = replace(use_case, feeds=(replace(events, source=replace(events.landing, max_files=3)), use_case.feeds[1]))
    for n in range(4):
        landing.put(f"events/{TODAY}/{n}.csv", b"")
    found = sensor(few, deferrable=deferrable)
    assert found.execute(context()) is None if deferrable else found.poke(context())


def test_a_day_declared_absent_is_not_waited_for(use_case):
    sensor(use_case, "outcomes").execute(context(use_case.first_period))


def test_a_day_before_the_first_is_refused(use_case):
    with fails_task(BeforeFirstPeriodError, use_case="toy"):
        sensor(use_case).execute(context(Period("2019-12-31")))


async def _first(trigger: DeliveryTrigger) -> dict:
    async for event in trigger.run():
        return event.payload
    raise AssertionError("no event")


def trigger(until: datetime, feed: str = "events") -> DeliveryTrigger:
    return DeliveryTrigger("toy", feed, str(TODAY), until.isoformat(), 0.02)


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def test_the_trigger_fires_when_a_late_file_comes_although_the_server_failed_meanwhile(use_case, landing, monkeypatch):
    look, looked = delivery_sensor.is_delivered, []

    def shaky(*arguments):
        looked.append(1)
        if len(looked) == 1:
            raise BucketError(landing.name, "aws_default", "SlowDown", retryable=True)
        if len(looked) == 3:
            put_mark(landing)
        return look(*arguments)

    monkeypatch.setattr(delivery_sensor, "is_delivered", shaky)
    assert asyncio.run(_first(trigger(soon()))) == {"there": True, "reason": ""}
    assert len(looked) >= 3


def test_the_trigger_gives_up_at_its_limit_and_at_once_where_the_bucket_refuses(use_case, declare):
    past = datetime.now(UTC) - timedelta(seconds=1)
    assert asyncio.run(_first(trigger(past))) == {"there": False, "reason": ""}
    gone = replace(use_case.feed("events"), source=replace(use_case.feed("events").landing, bucket="nowhere"))
    other = replace(use_case, feeds=(gone, use_case.feed("outcomes")))
    declare(other)
    event = asyncio.run(_first(trigger(soon())))
    assert not event["there"] and "NoSuchBucket" in event["reason"]
    with fails_task(DeliveryMissingError, "'events/", "NoSuchBucket"):
        sensor(use_case).execute_complete(context(), event)


def test_only_use_cases_with_landing_feeds_wait_and_ask_whether_to_take_changed_files(configure):
    from airflow.dag_processing.dagbag import DagBag

    configure(use_case_packages="tests.ingestion.use_cases,include.use_cases")
    bag = DagBag(str(DATA_DAG), bundle_path=DATA_DAG.parent, bundle_name="test")
    assert not bag.import_errors
    waiting, other = bag.dags["delivered__data"], bag.dags["flight_delays__data"]
    assert {task.task_id for task in waiting.roots} == {"wait_for_events", "wait_for_outcomes"}
    assert waiting.get_task("ingest").upstream_task_ids == {"wait_for_events", "wait_for_outcomes"}
    for task in waiting.roots:
        assert task.limit < task.execution_timeout
        assert task.retries == RETRIES
    assert "take_changed" in waiting.params
    assert [task.task_id for task in other.roots] == ["ingest"]
    assert list(other.params) == ["period"]
