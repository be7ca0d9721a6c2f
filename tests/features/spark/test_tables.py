"""Features and labels of the toy are built on Spark, checked, and equal to those on DuckDB."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import ibis
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.features import materialize
from include.features.materialize import ResultRowsError
from include.features.spark.tables import SparkOverS3Error, spark_table
from include.lake import schemas
from include.lake.integrity import PartitionCorruptedError
from include.lake.lake import Lake
from tests.refusals import raises
from tests.toy_use_case import USE_CASE, features, source

DAY = Period("2020-01-10")
ON_SPARK = replace(USE_CASE, engine="spark")
TABLES = {"features": "build", "labels": "labels"}


@pytest.fixture(autouse=True)
def checked_feeds(lake_home):
    """The clean rows of two days, as validation leaves them."""
    lake = Lake.open(USE_CASE)
    for period in (DAY - 1, DAY):
        for feed, rows in (("events", source.events(period)), ("outcomes", source.outcomes(period))):
            reasons = pa.array([[]] * (rows.num_rows - 1) + [["odd"]], schemas.REASONS.type)
            lake.replace(
                f"checked/{feed}", period, rows.append_column(schemas.REASONS, reasons), inputs={}, stage="test"
            )


@pytest.fixture
def no_duckdb(toy_functions):
    """The functions of the toy refuse tables of another engine than Spark."""

    def on_spark(function):
        def checked(period, **feeds):
            assert {table.get_backend().name for table in feeds.values()} == {"pyspark"}
            return function(period, **feeds)

        return checked

    toy_functions.features(build=on_spark(features.build), labels=on_spark(features.labels))


def built(use_case, table: str) -> pa.Table:
    lake = Lake.open(use_case)
    materialize.materialize(use_case, table, TABLES[table], lake.as_of(DAY), DAY - 1)
    return lake.as_of(DAY).read(table, DAY, DAY, order_by=schemas.sort_keys(use_case, table))


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_those_of_duckdb(spark, table, request):
    expected = built(USE_CASE, table)
    digest = Lake.open(USE_CASE).as_of(DAY).digest(table, DAY)
    request.getfixturevalue("no_duckdb")
    assert built(ON_SPARK, table).equals(expected) and expected.num_rows > 5
    assert Lake.open(USE_CASE).as_of(DAY).digest(table, DAY) == digest


@pytest.mark.usefixtures("spark", "no_duckdb")
def test_a_period_without_any_rows_is_built():
    lake = Lake.open(ON_SPARK)
    materialize.materialize(ON_SPARK, "labels", "labels", lake.as_of(Period("2020-01-02")), Period("2020-01-01"))
    assert lake.as_of(Period("2020-01-02")).partitions("labels")[Period("2020-01-02")].rows == 0


@pytest.mark.usefixtures("spark")
def test_a_value_that_spark_cannot_compute_is_an_error_of_the_function(toy_functions):
    def build(period, events, outcomes):
        rows = events.filter(events.event_date == DAY.start_date)
        return rows.select("event_date", "id", "kind", size=(rows["size"] * 0).ln(), hour="hour", urgent="urgent")

    toy_functions.features(build=build)
    with pytest.raises(ResultRowsError) as raised:
        built(ON_SPARK, "features")
    assert "logarithm" in raised.value.what and "test_tables.py" in raised.value.where


@pytest.mark.usefixtures("spark")
def test_what_duckdb_computes_otherwise_is_refused_before_anything_is_computed(toy_functions):
    def build(period, events, outcomes):
        rows = events.filter(events.event_date == DAY.start_date)
        return rows.select(
            "event_date", "id", kind=rows["size"].cast("string"), size="size", hour="hour", urgent="urgent"
        )

    toy_functions.features(build=build)
    with pytest.raises(ResultRowsError) as raised:
        built(ON_SPARK, "features")
    assert "UnsupportedOperationError" in raised.value.what


@pytest.mark.usefixtures("spark")
def test_repeated_keys_are_found(toy_functions):
    def build(period, events, outcomes):
        rows = events.filter(events.event_date == DAY.start_date)
        rows = rows.select("event_date", "id", "kind", "size", "hour", "urgent")
        return ibis.union(rows, rows)

    toy_functions.features(build=build)
    with pytest.raises(ResultRowsError, match="same keys"):
        built(ON_SPARK, "features")


@pytest.mark.usefixtures("spark")
def test_a_function_may_compute_rows_itself(toy_functions):
    """To pandas, and back as a frame; the values pass Spark."""

    def build(period, events, outcomes):
        frame = events.filter(events.event_date == DAY.start_date).to_pyarrow().to_pandas()
        return frame[["event_date", "id", "kind", "size", "hour", "urgent"]]

    toy_functions.features(build=build)
    assert built(ON_SPARK, "features").num_rows > 5


@pytest.mark.usefixtures("spark")
def test_a_damaged_file_is_noticed():
    lake = Lake.open(ON_SPARK)
    [(_, path)] = lake.as_of(DAY).files("checked/events", DAY, DAY)
    with open(path, "r+b") as file:  # noqa: PTH123
        file.seek(60)
        file.write(b"\x00\xff")
    with pytest.raises(PartitionCorruptedError):
        built(ON_SPARK, "features")


def test_a_cluster_cannot_read_a_lake_on_s3(configure):
    configure(spark_master="spark://host:7077")
    lake = SimpleNamespace(use_case=ON_SPARK, root=SimpleNamespace(is_local=False, uri="s3://bucket/lake/toy"))
    with raises(SparkOverS3Error, use_case="toy", lake="s3://bucket/lake/toy", master="spark://host:7077"):
        spark_table(SimpleNamespace(lake=lake), "checked/events", DAY)
