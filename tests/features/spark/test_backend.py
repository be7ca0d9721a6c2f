"""Results of Spark stream in their order, with their types."""

from __future__ import annotations

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark", reason="Spark is not installed: make engines")


@pytest.fixture
def many_partitions(spark):
    """Spark does not merge the small partitions of a test."""
    names = {"spark.sql.adaptive.coalescePartitions.enabled": "false", "spark.sql.shuffle.partitions": "5"}
    before = {name: spark._session.conf.get(name) for name in names}
    spark.chooses_partitions = False
    for name, value in names.items():
        spark._session.conf.set(name, value)
    yield
    spark.chooses_partitions = True
    for name, value in before.items():
        spark._session.conf.set(name, value)


@pytest.fixture
def small_parts(spark):
    """As if a file of some kilobytes were large."""
    spark.part_bytes = 20_000
    yield
    del spark.part_bytes


@pytest.mark.usefixtures("small_parts")
def test_a_large_table_is_sorted_in_many_partitions(spark, tmp_path):
    """So Java holds a small part of a result, however many rows there are."""
    rows = pa.table({"n": [(number * 7919) % 200_000 for number in range(200_000)]})
    pq.write_table(rows, tmp_path / "rows.parquet")
    found = spark.table_of_files([str(tmp_path / "rows.parquet")], rows.schema).order_by("n")
    assert found.to_pyarrow()["n"].to_pylist() == [*range(200_000)]
    expected = math.ceil((tmp_path / "rows.parquet").stat().st_size / spark.part_bytes)
    assert int(spark._session.conf.get("spark.sql.shuffle.partitions")) == expected
    assert 20 < expected < 200, "other than Spark's own number"


@pytest.mark.usefixtures("many_partitions")
def test_rows_of_many_partitions_stream_in_order(spark):
    rows = spark.table_of_rows(pa.table({"n": [(number * 7919) % 10_000 for number in range(10_000)]}))
    batches = [*rows.order_by("n").to_pyarrow_batches()]
    assert len([batch for batch in batches if batch.num_rows]) > 2, "the test must have several partitions"
    assert pa.Table.from_batches(batches)["n"].to_pylist() == [*range(10_000)]


def test_a_result_without_rows_has_its_types(spark):
    rows = spark.table_of_rows(pa.table({"n": pa.array([1], pa.int8()), "text": ["a"]}))
    found = rows.filter(rows.n > 5).to_pyarrow_batches().read_all()
    assert found.num_rows == 0
    assert found.schema == pa.schema({"n": pa.int8(), "text": pa.string()})


def test_the_whole_result_has_exact_integers_where_some_are_null(spark):
    rows = spark.table_of_rows(pa.table({"n": pa.array([2**53 + 1, None], pa.int64())}))
    assert rows.to_pyarrow()["n"].to_pylist() == [2**53 + 1, None]
    assert rows.n.max().to_pyarrow().as_py() == 2**53 + 1
    assert rows.filter(rows.n.notnull()).execute()["n"].tolist() == [2**53 + 1]
