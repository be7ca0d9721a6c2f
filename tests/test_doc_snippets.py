"""The Python snippets of the pages about sources and exports run, and do what their pages say."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy
import pytest

from include import use_case
from include.declaration.period import Period
from include.ingestion import ingest
from include.model import metrics
from include.project import open_project
from include.settings import REPOSITORY
from include.use_case import FeatureGroup, Feed, Files, Http, Sql, ToFiles, ToSql, Webhook
from tests import toy

SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def snippets(page: str) -> list[dict[str, Any]]:
    """The names that each snippet of a page defines."""
    found = []
    for code in SNIPPET.findall((REPOSITORY / "docs" / page).read_text()):
        names: dict[str, Any] = {}
        exec(compile(code, page, "exec"), names)  # of this repository
        found.append(names)
    return found


@pytest.fixture
def own_metrics() -> Iterator[None]:
    """Forget the metrics that a snippet declares."""
    kept = dict(metrics._METRICS)
    yield
    metrics._METRICS.clear()
    metrics._METRICS.update(kept)


def test_every_snippet_about_tasks_is_a_declaration(own_metrics):
    names: dict[str, Any] = {"__name__": "docs_tasks", **vars(use_case), "np": numpy}
    codes = SNIPPET.findall((REPOSITORY / "docs" / "tasks.md").read_text())
    for code in codes:
        exec(compile(code, "tasks.md", "exec"), names)  # of this repository
    assert len(codes) == 2 and {gate.metric for gate in names["gates"]} == {"large_errors"}
    declared = replace(
        toy.USE_CASE, task=names["task"], gates=names["gates"][:2], monitoring=names["monitoring"], package="tests.toy"
    )
    assert "large_errors" in declared.task.charted


def test_every_snippet_about_sources_builds_its_declaration():
    found = snippets("sources.md")
    late, files, daily, table, query, service, function = found
    assert late["source"].complete and isinstance(late["source"], Sql)
    assert isinstance(files["sales"], Feed) and isinstance(files["sales"].source, Files)
    assert isinstance(daily["source"], Files) and isinstance(table["sales"].source, Sql)
    assert query["source"].parameters == {"start", "end"} and isinstance(service["source"], Http)
    assert isinstance(function["sales"](Period("2020-03-02")), Iterator)


def test_every_snippet_about_feature_groups_builds_its_declaration():
    group, uses, described = snippets("feature_groups.md")
    assert isinstance(group["FEATURE_GROUP"], FeatureGroup) and group["FEATURE_GROUP"].group == "shop_traffic"
    assert [use.prefix for use in uses["feature_groups"]] == ["", "nearest_"]
    assert replace(toy.USE_CASE, features=toy.USE_CASE.features | described["features"]).features["size"].owner


@pytest.fixture
def rows_of(lake_home, monkeypatch):
    """Lands a feed for 2 March 2020."""

    def landed(feed: Feed) -> list[dict[str, Any]]:
        use_case = replace(toy.USE_CASE, feeds=(feed,), keys=("id",), period="<partition>")
        project, period = open_project(use_case), Period("2020-03-02")
        ingest.ingest_period(project, period)
        rows: list[dict[str, Any]] = project.lake.as_of(period).read("raw/sales", period, period).to_pylist()
        return rows

    return landed


def test_the_snippets_about_files_and_tables_read_the_day_that_has_ended(rows_of, tmp_path, configure):
    _, files, _, table, *_ = snippets("sources.md")
    path = tmp_path / "sales.csv"
    path.write_text("sold_on,id,shop,amount\n2020-03-01,1,north,2\n2020-03-02,2,north,3\n")
    feed = files["sales"]
    assert [row["id"] for row in rows_of(replace(feed, source=replace(feed.source, path=str(path))))] == [1]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("create table sales (id integer, shop text, amount real, sold_at timestamp)")
        connection.execute("insert into sales values (7, 'north', 1.5, '2020-03-01 12:00:00')")
    configure.connections(warehouse=f"sqlite:///{tmp_path}/shop.db")
    feed = table["sales"]
    assert [row["id"] for row in rows_of(replace(feed, source=replace(feed.source, table="sales")))] == [7]


def test_the_snippet_about_functions_delivers_its_parts(rows_of, monkeypatch):
    function = snippets("sources.md")[-1]["sales"]
    monkeypatch.setattr("include.declaration.use_case.UseCase.function", lambda *_: function)
    feed = Feed("sales", columns={"id": "string", "shop": "string", "amount": "float64"}, keys=("id",))
    assert [row["id"] for row in rows_of(feed)] == ["north-2020-03-01", "south-2020-03-01"]


def test_the_snippet_about_exports_is_a_declaration_of_a_use_case():
    ((names),) = snippets("exports.md")
    assert [type(export) for export in names["exports"]] == [ToSql, ToFiles, Webhook]
    assert replace(toy.USE_CASE, exports=names["exports"]).exports == names["exports"]
