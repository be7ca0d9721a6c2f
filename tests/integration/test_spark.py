"""Thirty days of flights with features on Spark, compared with those on DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.declaration.period import Period
from include.features import engine
from include.lake import schemas
from include.lake.lake import Lake
from include.use_case import UseCase
from tests.integration.use_cases import quick_flights
from tests.integration.walk import Walk

pytest.importorskip("pyspark", reason="Spark is not installed: make engines")
pytestmark = [pytest.mark.integration, pytest.mark.timeout(7200, method="signal")]

FIRST, LAST, AS_OF = Period("2013-01-01"), Period("2013-01-30"), Period("2013-01-28")
CLOSE = 1e-12


class LocalEngineError(AssertionError):
    """DuckDB was asked for features that Spark is declared for."""


@dataclass(frozen=True)
class Lives:
    """The tables of the same days by both engines."""

    local: Lake
    spark: Lake

    def rows(self, table: str) -> tuple[pa.Table, pa.Table]:
        keys = ["period", *schemas.sort_keys(self.local.use_case, table)]
        local, spark = (lake.as_of(LAST).read(table, FIRST, LAST, order_by=keys) for lake in (self.local, self.spark))
        return local, spark


def lived(use_case: UseCase, home: Path) -> Lake:
    """Take the days through the steps: data, a training, promotion, scores, measures."""
    Walk(use_case, FIRST, LAST, AS_OF).in_process(home)
    return Lake.open(use_case, str(home / "lake"))


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    homes, use_case = tmp_path_factory.mktemp("engines"), quick_flights.USE_CASE

    def refuse(*_: object) -> None:
        raise LocalEngineError

    local = lived(use_case, homes / "duckdb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_SPARK_MASTER", "local[2]")
        patch.setattr(engine, "local_table", refuse)
        with pytest.raises(LocalEngineError):
            engine.read_clean(local.as_of(LAST), "weather", FIRST)
        yield Lives(local, lived(replace(use_case, engine="spark"), homes / "spark"))


def test_keys_integers_and_categories_are_equal_and_floats_to_the_twelfth_digit(lives):
    local, spark = lives.rows("features")
    assert local.num_rows == spark.num_rows > 24_000 and local.schema == spark.schema
    assert len(lives.spark.as_of(LAST).partitions("features")) == 30
    floats = [field.name for field in local.schema if pa.types.is_floating(field.type)]
    others = [name for name in local.column_names if name not in floats]
    assert spark.select(others).equals(local.select(others))
    differing, largest = 0, 0.0
    for name in floats:
        assert pc.is_null(spark[name]).equals(pc.is_null(local[name])), name
        apart = pc.fill_null(pc.abs(pc.subtract(spark[name], local[name])), 0.0)
        differing += pc.sum(pc.greater(apart, 0.0)).as_py()
        largest = max(largest, pc.max(apart).as_py())
    print(f"\n{local.num_rows} rows, {local.num_rows * len(floats)} floats: {differing} differ, at most by {largest}")
    assert largest <= CLOSE


def test_labels_are_equal(lives):
    local, spark = lives.rows("labels")
    assert local.num_rows > 20_000 and spark.equals(local)


def test_predictions_that_differ_are_counted(lives):
    local, spark = lives.rows("predictions")
    keys = [*lives.local.use_case.keys, "model_version"]
    assert spark.select(keys).equals(local.select(keys)) and local.num_rows > 2_000
    probability = next(field.name for field in local.schema if pa.types.is_floating(field.type))
    apart = pc.abs(pc.subtract(spark[probability], local[probability]))
    differing = pc.sum(pc.greater(apart, 0.0)).as_py()
    print(f"\n{local.num_rows} predictions: {differing} differ, at most by {pc.max(apart).as_py()}")
    # A float at a threshold of a tree may take its other branch, so single predictions may differ by more.
    assert differing <= local.num_rows / 100
