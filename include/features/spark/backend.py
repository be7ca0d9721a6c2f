"""Connect Ibis to Spark, with exact types and with results that stream.

Ibis' own connection collects a result as a pandas frame, in which an integer with a null is a float.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import ibis
import ibis.expr.operations as ops
import pyarrow as pa
from ibis.backends.pyspark import Backend
from ibis.util import gen_name
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from include.features.spark.compiler import ExactCompiler
from include.features.spark.errors import translate_error

_PARTITIONS = "spark.sql.shuffle.partitions"


class SparkBackend(Backend):
    """Ibis on Spark, for tables of files and of rows in memory."""

    compiler: ClassVar[ExactCompiler] = ExactCompiler()
    part_bytes = 4 << 20
    """Bytes of files for each partition of a shuffle; in memory they are several times as many."""
    chooses_partitions = True

    def do_connect(self, session: SparkSession) -> None:
        """Use a session.

        The number of partitions is chosen for each result, unless Spark's settings have one.
        """
        super().do_connect(session)
        self._sizes: dict[str, int] = {}
        self.chooses_partitions = not session.sparkContext.getConf().contains(_PARTITIONS)

    def table_of_files(self, paths: Sequence[str], file_schema: pa.Schema) -> ibis.Table:
        """Return the rows of Parquet files that all have these columns."""
        # Columns are never taken from names of folders, nor are characters of paths patterns.
        reader = self._session.read.schema(_spark_schema(file_schema)).options(
            recursiveFileLookup="true", __globPaths__="false"
        )
        table = self._table(reader.parquet(*(f"file://{path}" for path in paths)), file_schema)
        self._sizes[table.get_name()] = sum(Path(path).stat().st_size for path in paths)
        return table

    def table_of_rows(self, rows: pa.Table) -> ibis.Table:
        """Return rows of this process."""
        return self._table(self._frame(rows), rows.schema)

    def to_pyarrow_batches(
        self, expr: ibis.Expr, /, *, params: Any = None, limit: Any = None, chunk_size: int = 0, **_: Any
    ) -> pa.RecordBatchReader:
        """Stream the result in its order, one partition after the other.

        Spark chooses the size of batches.
        """
        self._run_pre_execute_hooks(expr)
        with translate_error():
            self._choose_partitions(expr)
            frame = self.raw_sql(self.compile(expr.as_table(), params=params, limit=limit))
            schema = pa.schema([(field.name, field.type) for field in to_arrow_schema(frame.schema)])
        return pa.RecordBatchReader.from_batches(schema, _batches(frame, schema))

    def to_pyarrow(self, expr: ibis.Expr, /, **arguments: Any) -> Any:
        """Return the whole result as Arrow, with the types of the expression."""
        rows = self.to_pyarrow_batches(expr, **arguments).read_all()
        table = expr.as_table()
        return expr.__pyarrow_result__(rows.cast(table.schema().to_pyarrow()))

    def execute(self, expr: ibis.Expr, /, **arguments: Any) -> Any:
        """Return the whole result as pandas."""
        from ibis.formats.pandas import PandasData

        rows = self.to_pyarrow_batches(expr, **arguments).read_all()
        frame = PandasData.convert_table(rows.to_pandas(), expr.as_table().schema())
        return expr.__pandas_result__(frame)

    def _choose_partitions(self, expr: ibis.Expr) -> None:
        """Let Spark shuffle rows in parts of some megabytes.

        Java holds a part in memory, and many small ones take time.
        """
        if self.chooses_partitions:
            size = sum(self._sizes.get(table.name, 0) for table in expr.op().find(ops.DatabaseTable))
            count = max(self._session.sparkContext.defaultParallelism, -(-size // self.part_bytes))
            self._session.conf.set(_PARTITIONS, str(count))

    def _register_in_memory_table(self, op: ops.InMemoryTable) -> None:
        self._frame(op.data.to_pyarrow(op.schema)).createOrReplaceTempView(op.name)

    def _frame(self, rows: pa.Table) -> DataFrame:
        frame: DataFrame = self._session.createDataFrame(rows, _spark_schema(rows.schema))
        return frame

    def _table(self, frame: DataFrame, schema: pa.Schema) -> ibis.Table:
        """Return a frame as a table with these types; Ibis itself would forget time zones."""
        name = gen_name("airworthy")
        frame.createOrReplaceTempView(name)
        types = ibis.Schema.from_pyarrow(schema)
        return ops.DatabaseTable(name, schema=types, source=self, namespace=ops.Namespace()).to_expr()


def _spark_schema(schema: pa.Schema) -> Any:
    """Return Spark's types; a timestamp without a time zone has none there either."""
    return from_arrow_schema(schema, prefer_timestamp_ntz=True)


def _batches(frame: DataFrame, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows, partition by partition.

    Spark's own collections to Arrow keep the whole result in memory, so each batch passes as the bytes of one value.
    """
    column = "batch"

    def packed(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:  # runs in Spark, without `include`
        import pyarrow as arrow

        for batch in batches:
            sink = arrow.BufferOutputStream()
            with arrow.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            yield arrow.record_batch({column: arrow.array([sink.getvalue().to_pybytes()], arrow.binary())})

    with translate_error():
        numbered = frame.toDF(*map(str, range(len(schema))))  # `mapInArrow` reads dots and backticks in names
        for row in numbered.mapInArrow(packed, f"{column} binary").toLocalIterator():
            for batch in pa.ipc.open_stream(row[column]):
                yield pa.record_batch(batch.columns, schema=schema)
