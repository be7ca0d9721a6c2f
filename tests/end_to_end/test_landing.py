"""Late files in the real scheduler: the triggerer waits for them, and the day continues when they arrive."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient
from tests.end_to_end.conftest import ended, succeeded, until, wait_for_task
from tests.ingestion.use_cases.delivered import USE_CASE
from tests.landing_bucket import Bucket, as_csv, as_parquet, connection_to, make_bucket
from tests.toy_use_case import source

pytestmark = pytest.mark.slow

DATA = f"{USE_CASE.name}__data"
TODAY = Period.from_date(datetime.now(UTC).date())
"""Files of a day long past would be missed at once, not waited for."""


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    return "tests.ingestion.use_cases"


@pytest.fixture(scope="module")
def connections(s3_server: str) -> dict[str, str]:
    return {"AIRFLOW_CONN_AWS_DEFAULT": connection_to(s3_server)}


@pytest.fixture(scope="module")
def landing(s3_server: str) -> Bucket:
    return make_bucket(s3_server, "deliveries")


def deliver(landing: Bucket) -> None:
    landing.put(f"events/{TODAY}/events.csv", as_csv(source.events(TODAY)))
    landing.put(f"events/{TODAY}/_SUCCESS", b"")
    landing.put(f"outcomes/{TODAY}/outcomes.parquet", as_parquet(source.outcomes(TODAY)))


def test_a_day_whose_files_are_late_waits_without_a_slot_and_goes_on_when_they_come(airflow: AirflowClient, landing):
    until(lambda: airflow.has_dag(DATA), "the DAG")
    run = airflow.trigger(DATA, conf={"period": str(TODAY)})
    airflow.unpause(DATA)
    for task in ("wait_for_events", "wait_for_outcomes"):
        wait_for_task(airflow, DATA, run, task, "deferred")
    deliver(landing)
    succeeded(airflow, DATA, run)
    assert Lake.open(USE_CASE).as_of(TODAY).partitions("features")[TODAY].rows == source.ROWS


def test_a_rerun_after_the_file_changed_keeps_the_day_and_the_asset_event_says_so(airflow: AirflowClient, landing):
    before = Lake.open(USE_CASE).as_of(TODAY).partitions("features")[TODAY]
    landing.put(f"events/{TODAY}/events.csv", as_csv(source.events(TODAY).slice(0, 100)))
    run = airflow.trigger(DATA, conf={"period": str(TODAY)})
    succeeded(airflow, DATA, run)
    assert Lake.open(USE_CASE).as_of(TODAY).partitions("features")[TODAY] == before
    events = airflow.call("GET", f"/assets/events?source_dag_id={DATA}&source_task_id=ingest&limit=100")["asset_events"]
    (raw,) = [event["extra"] for event in events if event["source_run_id"] == run.run_id]
    assert "files" in raw, raw
    assert [row["key"] for row in raw["files"]["events"]] == [f"events/{TODAY}/events.csv"]
    assert [f"events/{TODAY}/events.csv (changed)" in text for text in raw["redelivered"]] == [True]


def test_a_person_takes_the_changed_file_by_the_form(airflow: AirflowClient, landing):
    run = airflow.trigger(DATA, conf={"period": str(TODAY), "take_changed": True})
    succeeded(airflow, DATA, run)
    assert Lake.open(USE_CASE).as_of(TODAY).partitions("features")[TODAY].rows == 100


def test_files_that_never_came_fail_the_day_and_are_named(airflow: AirflowClient, landing):
    run = airflow.trigger(DATA, conf={"period": "2020-02-02"})
    assert ended(airflow, DATA, run).state == "failed"
    said = " ".join(airflow.failures(DATA, run.run_id))
    assert [value for value in ("'events'", "'deliveries'", "'events/2020-02-02/'") if value not in said] == [], said
