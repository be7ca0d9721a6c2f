"""Read a table's files in Spark, with the declared columns and types."""

from __future__ import annotations

import ibis

from include.declaration.period import Period
from include.errors import InvalidRequestError
from include.features.spark.session import cluster_master, spark_backend
from include.lake import partition_reader, schemas
from include.lake.snapshot import AsOfSnapshot


class SparkOverS3Error(InvalidRequestError):
    """A cluster of Spark cannot read a lake on S3."""

    def __init__(self, use_case: str, lake: str, master: str) -> None:
        self.use_case, self.lake, self.master = use_case, lake, master
        super().__init__(
            f'{use_case}: engine="spark" on the cluster {master} cannot read the lake {lake}: files on S3 are copied to'
            " this machine, where the cluster does not find them. Set AIRWORTHY_LAKE to a folder that all machines"
            " share, or AIRWORTHY_SPARK_MASTER to local[*]."
        )


def spark_table(view: AsOfSnapshot, table: str, since: Period) -> ibis.Table:
    """Return the rows since a period, up to the view's, as an Ibis table on Spark.

    They have their `period`. The files are checked now, and read when the table is executed.

    Raises:
        SparkMissingError: Spark's packages or Java are not installed.
        SparkOverS3Error: the lake is on S3, and Spark on other machines.
        PartitionCorruptedError, KeysChangedError, TypeNarrowedError: as `AsOfSnapshot.table`.
    """
    use_case, cluster = view.lake.use_case, cluster_master()
    if cluster and not view.lake.root.is_local:
        raise SparkOverS3Error(use_case.name, view.lake.root.uri, cluster)
    backend = spark_backend()
    schema = schemas.table_schema(use_case, table)
    paths = view.checked_files(table, since)
    if not paths:
        return backend.table_of_rows(schema.empty_table())
    return partition_reader.typed_table(f"{use_case.name}/{table}", paths, schema, backend.table_of_files)
