"""Assets as OpenLineage datasets: names, columns, versions, and the sources of feeds."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from include.connections import Connection
from include.declaration.known import ByColumn
from include.declaration.landing import LandingBucket
from include.declaration.period import Period
from include.declaration.sources import Files, Http, Sql
from include.ingestion.ingest import ingest_period
from include.lake import history
from include.orchestration import lineage_events
from include.orchestration.assets import asset, asset_parts
from include.project import open_project
from include.settings import REPOSITORY
from tests import toy_use_case

USE_CASE = toy_use_case.USE_CASE
DATABASE = "postgres://db.example.org:5432"
WINDOW = {"day": "{start_date}", "until": "{end_date}"}


class Known:
    """Connections that are what a test says."""

    def connection(self, conn_id: str) -> Connection:
        if conn_id == "shop_api":
            return Connection(conn_id, "http", host="api.example.org", port=8443, login="robot", password="s3cret")
        return Connection(conn_id, "postgres", host="db.example.org", port=5432, password="s3cret", schema="shop")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/srv/my lake/toy/raw/é", ("file", "/srv/my lake/toy/raw/é")),
        ("/srv/50%#1?/toy", ("file", "/srv/50%#1?/toy")),
        ("s3://bucket/a/lake/toy/features", ("s3://bucket", "a/lake/toy/features")),
        ("abfss://box@account.example/lake", ("abfss://box@account.example", "lake")),
    ],
)
def test_a_table_is_named_as_openlineage_says(uri, expected):
    assert lineage_events.dataset_name(uri) == expected


def test_an_asset_is_read_back_from_its_address():
    assert asset_parts(asset(USE_CASE, "features")) == (USE_CASE.name, "features")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (LandingBucket("deliveries", "sales/{period:%Y/%m/%d}"), ("s3://deliveries", "sales")),
        (Files("s3://deliveries/shop/{period:%Y-%m-%d}-*.csv"), ("s3://deliveries", "shop")),
        (Files("/srv/in/sales-{period:%Y-%m-%d}.csv"), ("file", "/srv/in")),
        (Files("file:///srv/in/sales-{period:%Y-%m-%d}.csv"), ("file", "/srv/in")),
        (Files("in/sales-{period:%Y-%m-%d}.csv"), None),
        (
            Sql("shop_db", table="events", known=ByColumn("event_date")),
            ("postgres://db.example.org:5432", "shop.events"),
        ),
        (Sql("shop_db", query="select * from events where at >= :start and at < :end"), None),
        (Http("shop_api", "v1/orders", parameters=WINDOW), ("http://api.example.org:8443", "/v1/orders")),
        (None, None),
    ],
)
def test_the_source_of_a_feed_has_the_address_of_what_is_read(source, expected):
    feed = replace(USE_CASE.feeds[0], source=source)
    assert lineage_events.address_of(feed, Known()) == expected


def test_the_asset_of_feeds_is_one_table_for_each_feed_that_was_written(lake_home, declare):
    declare(USE_CASE)
    project = open_project(USE_CASE)
    assert list(lineage_events.datasets_of(asset(USE_CASE, "raw"))) == []
    ingest_period(project, Period("2020-01-05"))
    tables = list(lineage_events.datasets_of(asset(USE_CASE, "raw")))
    assert [(table.namespace, table.name) for table in tables] == [
        ("file", project.lake.uri(f"raw/{feed}")) for feed in ("events", "outcomes")
    ]
    facets = tables[0].facets
    columns = [(field.name, field.type) for field in facets["schema"].fields]
    assert columns[:2] == [("event_date", "date32[day]"), ("id", "int64")]
    assert facets["version"].datasetVersion == str(project.lake.peek_delta("raw/events").version())
    assert [owner.name for owner in facets["ownership"].owners] == ["tests"]


def test_reading_lineage_creates_no_table(lake_home, declare):
    declare(USE_CASE)
    project = open_project(USE_CASE)
    assert list(lineage_events.datasets_of(asset(USE_CASE, "features"))) == []
    assert not history.is_table(project.lake.uri("features"))


def test_an_asset_that_is_no_table_has_no_dataset(lake_home, declare):
    declare(USE_CASE)
    assert list(lineage_events.datasets_of(asset(USE_CASE, "maintenance"))) == []
    model = list(lineage_events.datasets_of(asset(USE_CASE, "model")))
    assert [(dataset.namespace, dataset.name) for dataset in model] == [("mlflow", "models/toy")]


def test_nothing_is_read_without_a_transport(caplog):
    lineage_events.emit_lineage({"task": "no task, whose assets cannot be read"})
    assert "was not sent" not in caplog.text


def test_what_cannot_be_sent_is_a_warning_and_fails_nothing(caplog, configure):
    configure.airflow("openlineage", transport='{"type": "console"}')
    with_transport = {"task": "no task, whose assets cannot be read"}
    lineage_events.emit_lineage(with_transport)
    assert "was not sent" in caplog.text


def test_without_a_transport_no_task_pays_for_the_import_of_the_client():
    code = "import sys; from include.orchestration import lineage_events as e; e.emit_lineage({}); print(*sys.modules)"
    environment = {name: value for name, value in os.environ.items() if "OPENLINEAGE" not in name}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    imported = done.stdout.split()
    assert "airflow.providers.openlineage.conf" in imported
    assert not [name for name in imported if name.startswith("openlineage.")]
