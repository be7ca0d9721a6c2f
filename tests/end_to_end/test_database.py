"""A PostgreSQL table goes in and predictions come out into another, in the real scheduler."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg2.extras
import pytest

from include.declaration.period import Period, period_range
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient
from include.scoring import export
from tests import postgres as servers
from tests.end_to_end.conftest import ended, until
from tests.end_to_end.warehouse.shop_toy import USE_CASE
from tests.integration.backends import PostgreSQL
from tests.integration.walk import Walk
from tests.toy_use_case import source

pytestmark = pytest.mark.slow

FIRST, DAY = Period("2020-01-01"), Period("2020-01-16")
WALK = Walk(USE_CASE, DAY, DAY, as_of=DAY)


@pytest.fixture(scope="module")
def shop() -> Iterator[PostgreSQL]:
    with servers.running() as server:
        server.say("create schema plan")
        server.say("create schema desk")
        server.say(
            "create table plan.events (event_date date, id bigint, kind text, size double precision, hour integer,"
            " urgent boolean, known_on date, note text)"
        )
        server.say("create table plan.outcomes (event_date date, id bigint, failed smallint, known_on date)")
        server.say("create table plan.loads (loaded_on date)")
        for period in period_range(FIRST, DAY):
            load(server, period)
        yield server


def load(server: PostgreSQL, period: Period) -> None:
    """Insert what becomes known for the run of a period; an outcome becomes known on the day before."""
    for table, rows, known_on in (
        ("events", source.events(period), period),
        ("outcomes", source.outcomes(period), period - 1),
    ):
        columns = [*rows.column_names, "known_on"]
        values = [(*row.values(), known_on.start_date) for row in rows.to_pylist()]
        with psycopg2.connect(servers.address(server)) as connection, connection.cursor() as cursor:
            psycopg2.extras.execute_values(cursor, f"insert into plan.{table} ({', '.join(columns)}) values %s", values)
    server.say(f"insert into plan.loads values ('{period}')")


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    return "tests.end_to_end.warehouse"


@pytest.fixture(scope="module")
def connections(shop: PostgreSQL) -> dict[str, str]:
    return {"AIRFLOW_CONN_SHOP": servers.address(shop)}


@pytest.fixture(scope="module")
def scored(airflow: AirflowClient) -> float:
    """The seconds from the first trigger to the predictions in the table."""
    begun = time.monotonic()
    WALK.by_services(airflow)
    return time.monotonic() - begun


def test_the_predictions_of_a_table_are_those_of_the_lake(scored, shop):
    print(f"table to table: {scored:.0f} s")
    lake = Lake.open(USE_CASE).as_of(DAY).read("predictions", DAY, DAY).sort_by("id")
    expected = list(zip(lake["id"].to_pylist(), lake["probability"].to_pylist(), strict=True))
    assert len(expected) == source.ROWS
    assert shop.say("select id, probability from desk.predictions order by id") == expected
    assert shop.say("select distinct period, model_version from desk.predictions") == [(str(DAY), "1")]


def test_what_was_read_is_what_the_table_has(scored):
    view = Lake.open(USE_CASE).as_of(DAY)
    for feed, made in (("events", source.events(DAY)), ("outcomes", source.outcomes(DAY))):
        rows = view.read(f"raw/{feed}", DAY, DAY).select(made.column_names).sort_by("id")
        assert rows.to_pylist() == made.sort_by("id").to_pylist()


def test_scoring_again_delivers_the_same_rows_once_and_writes_no_second_receipt(airflow, scored, shop):
    before = shop.say("select * from desk.predictions order by id")
    run = airflow.trigger(WALK.dag("score"), conf={"period": str(DAY), "rescore": True})
    assert ended(airflow, WALK.dag("score"), run).state == "success"
    assert shop.say("select * from desk.predictions order by id") == before
    from include.project import open_project

    assert len(export.receipts_of(open_project(USE_CASE), USE_CASE.exports[0], DAY)) == 1


def test_a_day_that_is_not_complete_publishes_nothing_and_succeeds_when_it_is(airflow, scored, shop):
    until(lambda: airflow.has_dag(WALK.dag("data")), "the DAG")
    late = airflow.trigger(WALK.dag("data"), conf={"period": str(DAY + 1)})
    assert ended(airflow, WALK.dag("data"), late).state == "failed", "its wait is over since 2020"
    assert DAY + 1 not in Lake.open(USE_CASE).as_of(DAY + 1).partitions("raw/outcomes")
    load(shop, DAY + 1)
    again = airflow.trigger(WALK.dag("data"), conf={"period": str(DAY + 1)})
    assert ended(airflow, WALK.dag("data"), again).state == "success"
