"""Results of Spark stream in their order, with their types."""

from __future__ import annotations

import pyarrow as pa
import pytest

pytest.importorskip("pyspark", reason="Spark is not installed: make engines")


@pytest.fixture
def many_partitions(spark):
    """Spark does not merge the small partitions of a test."""
    names = {"spark.sql.adaptive.coalescePartitions.enabled": "false", "spark.sql.shuffle.partitions": "5"}
    before = {name: spark._session.conf.get(name) for name in names}
    for name, value in names.items():
        spark._session.conf.set(name, value)
    yield
    for name, value in before.items():
        spark._session.conf.set(name, value)


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
