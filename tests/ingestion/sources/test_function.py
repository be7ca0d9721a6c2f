"""A function in source.py may return Arrow, a frame, or an iterator of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.errors import ColumnsError, SourceError
from include.ingestion import ingest
from include.ingestion.sources.function import ResultTypeError
from include.project import open_project
from include.use_case import Feed, UseCase
from tests import toy

DAY = Period("2020-03-02")
COLUMNS = {"id": "int32", "sold_on": "date32", "amount": "float64", "shop": "string", "at": "timestamp"}
NOON = pd.Timestamp("2020-03-01T12:00Z")
ROWS = [
    {"id": 1, "sold_on": date(2020, 3, 1), "amount": 2.0, "shop": "north", "at": NOON.to_pydatetime()},
    {"id": 2, "sold_on": date(2020, 3, 1), "amount": None, "shop": None, "at": None},
]


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [2, 1],
            "sold_on": pd.to_datetime(["2020-03-01", "2020-03-01"]),
            "amount": [float("nan"), 2],
            "shop": [None, "north"],
            "at": [pd.NaT, NOON],
        }
    )


def arrow() -> pa.Table:
    types = {"date32": pa.date32(), "timestamp": pa.timestamp("us", "UTC")}
    fields = [(name, types.get(kind) or pa.type_for_alias(kind)) for name, kind in COLUMNS.items()]
    return pa.Table.from_pylist(ROWS, pa.schema(fields))


@pytest.fixture
def land(lake_home: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[dict[str, Any]]]:
    feed = Feed("sales", columns=COLUMNS, keys=("id",))
    use_case = replace(toy.USE_CASE, feeds=(feed,), keys=("id",), period="<partition>")

    def landed(result: Any) -> list[dict[str, Any]]:
        monkeypatch.setattr(UseCase, "function", lambda *_: lambda period: result)
        project = open_project(use_case)
        ingest.ingest_period(project, DAY)
        rows: list[dict[str, Any]] = project.lake.as_of(DAY).read("raw/sales", DAY, DAY).to_pylist()
        return [{name: row[name] for name in COLUMNS} for row in rows]

    return landed


def polars_like() -> Any:
    table = arrow().set_column(3, "shop", arrow()["shop"].cast(pa.large_string()))
    kind = type("DataFrame", (SimpleNamespace,), {"__module__": "polars.dataframe.frame"})
    return kind(to_arrow=lambda: table)


def test_a_frame_of_pandas_lands_as_the_same_rows_as_arrow(land):
    assert land(arrow()) == ROWS
    assert land(frame()) == ROWS


def test_a_frame_of_polars_lands(land):
    assert land(polars_like()) == ROWS


def test_an_iterator_of_tables_batches_and_frames_lands_as_one_period(land):
    parts = [arrow().slice(0, 1), frame().iloc[:1]]
    assert land(iter(parts)) == ROWS
    assert land(batch for batch in arrow().to_batches(max_chunksize=1)) == ROWS
    assert land(pa.RecordBatchReader.from_batches(arrow().schema, arrow().to_batches())) == ROWS
    assert land(iter([])) == []


@pytest.mark.parametrize("result", [None, 3, "text", {"id": [1]}, [1], iter(["text"])])
def test_what_is_no_table_is_refused(land, result):
    with pytest.raises(ResultTypeError):
        land(result)


def test_a_frame_whose_values_would_change_is_refused(land):
    with pytest.raises(ColumnsError) as refused:
        land(frame().assign(id=[1.5, 2]))
    assert "'id'" in str(refused.value)
    with pytest.raises(ColumnsError) as missing:
        land(frame().drop(columns="shop").assign(more=1))
    assert (missing.value.missing, missing.value.extra) == (("shop",), ("more",))
    with pytest.raises(ColumnsError):
        land(frame().assign(at=pd.to_datetime(["2020-03-01", "2020-03-01"])))  # without a time zone


def test_an_error_of_an_iterator_is_one_of_the_source(land):
    def broken() -> Iterator[pa.Table]:
        yield arrow()
        raise ConnectionError("the server is gone")

    with pytest.raises(SourceError) as failed:
        land(broken())
    assert failed.value.retryable
