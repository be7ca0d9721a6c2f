"""Clone a table into another lake on disk.

The rows of some days can be changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
from deltalake import Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from include.declaration.period import Period
from include.lake import file_signature, history, partitions, s3, schemas
from include.lake.lake import Lake
from include.lake.object_store import StoragePath, unfinished_name
from include.lake.partition_writer import write_partition_file
from include.lake.partitions import DataFile
from include.lake.snapshot import AsOfSnapshot

Change = Callable[[pa.Table], pa.Table]


def partition_digests(lake: Lake, table: str, since: Period, until: Period) -> dict[Period, str]:
    """Return day to digest of its content, without creating a table.

    Empty if there is no table.
    """
    if not history.is_table(lake.uri(table)):
        return {}
    return {
        period: stored.digest
        for period, stored in partitions.list_partitions(
            lake.delta(table), lake.use_case.calendar, since, until
        ).items()
    }


def clone_table(
    table: str, digests: Mapping[Period, str], source: Lake, target: Lake, changes: Mapping[Period, Change]
) -> None:
    """Create the table in `target`, on disk, with the days in `digests` of `source`.

    No table if there are none. Rows of the days in `changes` are replaced by the result of that function. Files are
    copied, not linked: code that writes to a copy must not change the source.
    """
    if not digests:
        return
    root, view = (target.root / table).path, source.as_of(max(digests))
    files = [
        file
        for file in partitions.list_data_files(source.delta(table), source.use_case.calendar)
        if file.period in digests
    ]
    root.mkdir(parents=True)
    _copy_files(source.root / table, root, [file for file in files if file.period not in changes])
    kept = [_add_action(root, file) for file in files if file.period not in changes]
    changed = [
        _add_action(root, _write_changed(view, table, period, root, change)) for period, change in changes.items()
    ]
    schema = Schema.from_arrow(schemas.stored_schema(target.use_case, table))
    create_table_with_add_actions(str(root), schema, kept + changed, partition_by=[*schemas.PARTITION])


def _copy_files(source: StoragePath, root: Path, files: list[DataFile]) -> None:
    for file in files:
        (root / file.path).parent.mkdir(exist_ok=True)
    copies = [(source / file.path, root / file.path) for file in files]
    if source.is_local:
        for original, copy in copies:
            original.fetch(copy)
    else:
        s3.map_concurrently(lambda pair: pair[0].fetch(pair[1]), copies)


def _write_changed(view: AsOfSnapshot, table: str, period: Period, root: Path, change: Change) -> DataFile:
    """Write the changed rows of a day, in the order of the function's result."""
    rows = change(view.read(table, period, period).drop_columns(["period"]))
    written = write_partition_file(root / unfinished_name(), rows.schema, rows.to_batches(), (), period, ())
    digest, count = written.content.hexdigest(), written.content.rows
    signed = (f"{view.lake.use_case.name}/{table}", period, digest, count, written.sha256)
    path = f"period={period}/{file_signature.signed_name(*signed)}"
    StoragePath.parse(root / path).put(written.path)
    return DataFile(period, path, digest, count)


def _add_action(root: Path, file: DataFile) -> AddAction:
    stat = (root / file.path).stat()
    return AddAction(
        path=file.path,
        size=stat.st_size,
        partition_values=partitions.partition_values(file.period, file.digest),
        modification_time=int(stat.st_mtime * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )
