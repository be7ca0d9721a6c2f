"""Features on Spark are built by the tasks of the DAG on Celery workers, with the lake on S3."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from include.declaration.period import Period, period_range
from include.features import build
from include.ingestion import ingest, validate
from include.lake import schemas
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient
from include.project import open_project
from include.use_case import UseCase
from tests.conftest import living_in
from tests.end_to_end.conftest import until
from tests.integration.stack import Stack
from tests.integration.use_cases import spark_flights
from tests.integration.walk import Walk

pytest.importorskip("pyspark", reason="Spark is not installed: make engines")
pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600, method="signal")]

FIRST, LAST = Period("2013-01-01"), Period("2013-01-03")
WALK = Walk(spark_flights.USE_CASE, FIRST, LAST, FIRST)


def rows(table: str) -> pa.Table:
    keys = ["period", *schemas.sort_keys(WALK.use_case, table)]
    return Lake.open(WALK.use_case).as_of(LAST).read(table, FIRST, LAST, order_by=keys)


def built_by_duckdb(use_case: UseCase) -> dict[str, pa.Table]:
    """Return features and labels of the same days, built in this process."""
    for period in period_range(FIRST, LAST):
        ingest.ingest_period(open_project(use_case), period)
        validate.validate_period(open_project(use_case), period)
        build.build_features(open_project(use_case), period)
    return {table: rows(table) for table in ("features", "labels")}


def test_days_that_the_workers_built_on_spark_are_those_of_duckdb(stack: Stack, api: AirflowClient, tmp_path):
    """The functions of the use case refuse tables of another engine than Spark."""
    with living_in(tmp_path):
        local = replace(WALK.use_case, engine="duckdb", package="include.use_cases.flight_delays")
        expected = built_by_duckdb(local)
    until(lambda: api.has_dag(WALK.dag("data")), "the DAG")
    WALK.backfill(api, "data", FIRST, seconds=2400)
    assert expected["features"].num_rows > 2_000
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.places().items():
            patch.setenv(name, value)
        assert {table: rows(table).equals(one) for table, one in expected.items()} == {"features": True, "labels": True}
