"""A use case without a module `source`: events with a date, and their outcomes, from a declared source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.ingestion import ingest
from include.lake.lake import Commit
from include.project import open_project
from include.use_case import Feed, UseCase
from tests import toy

COLUMNS = {"day_sold": "date32", "id": "int64", "shop": "string", "amount": "float64"}


@pytest.fixture
def declare() -> Callable[..., UseCase]:
    """Returns a use case whose only feed has the given source."""

    def declared(source: Any, **feed: Any) -> UseCase:
        values = {"name": "sales", "columns": COLUMNS, "keys": ("id",), "source": source} | feed
        return replace(
            toy.USE_CASE,
            feeds=(Feed(**values),),
            keys=("id",),
            period="<partition>",
            package="tests.ingestion.sourceless",
            time_zone="Europe/Berlin",
        )

    return declared


@pytest.fixture
def land(lake_home: Any) -> Callable[..., list[dict[str, Any]]]:
    """Lands a period of the only feed, and returns its rows in the lake."""

    def landed(use_case: UseCase, period: str) -> list[dict[str, Any]]:
        project, day = open_project(use_case), Period(period)
        ingest.ingest_period(project, day)
        table: pa.Table = project.lake.as_of(day).read("raw/sales", day, day)
        return table.drop_columns(["period"]).to_pylist()

    return landed


@pytest.fixture
def land_commit(lake_home: Any) -> Callable[..., Commit]:
    """Lands a period of the only feed, and returns the commit."""

    def landed(use_case: UseCase, period: str) -> Commit:
        return ingest.ingest_period(open_project(use_case), Period(period))["sales"]

    return landed
