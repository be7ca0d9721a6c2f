"""Read clean feeds for features and labels by the declared engine."""

from __future__ import annotations

import ibis

from include.declaration.engines import SPARK
from include.declaration.period import Period
from include.lake.snapshot import AsOfSnapshot


def read_clean(view: AsOfSnapshot, feed: str, since: Period) -> ibis.Table:
    """Return the clean rows of a feed, up to the view's period, on the engine.

    The rows are read when the table is executed; the files are checked now.

    Raises:
        SparkMissingError: Spark is declared and cannot start here.
        PartitionCorruptedError: a file is damaged.
    """
    checked = (_spark_table if view.lake.use_case.engine == SPARK else local_table)(view, f"checked/{feed}", since)
    return checked.filter(checked.reasons.length() == 0).drop("reasons")


def local_table(view: AsOfSnapshot, table: str, since: Period) -> ibis.Table:
    """Return the rows of a table on DuckDB, in this process."""
    return view.table(table, since)


def _spark_table(view: AsOfSnapshot, table: str, since: Period) -> ibis.Table:
    from include.features.spark.tables import spark_table

    return spark_table(view, table, since)
