"""Stand-in: a table of another lake, some of its days with other rows; made at once, however many days it has."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from include.logic import digests
from include.storage import partitions, schemas
from include.storage.lake import Lake

Change = Callable[[pa.Table], pa.Table]


def days(lake: Lake, table: str, since: date, until: date) -> dict[date, str]:
    """Day to digest; none where the table is not there, and it is not made."""
    if not DeltaTable.is_deltatable(lake.uri(table)):
        return {}
    return {day: there.digest for day, there in partitions.of(lake.delta(table), since, until).items()}


def copy(table: str, there: Mapping[date, str], source: Lake, target: Lake, changes: Mapping[date, Change]) -> None:
    """Make the table in `target` with the partitions `there` of `source`, in one commit; of no day, make none.

    Days in `changes` hold what that function makes of their rows. Files are copied, not linked: code that writes to
    one must not reach the source.
    """
    if not there:
        return
    root, actions = Path(target.uri(table)), []
    found = ((day, Path(source.uri(table)) / unquote(path)) for day, path in partitions.files(source.delta(table)))
    for day, files in itertools.groupby((each for each in found if each[0] in there), key=lambda each: each[0]):
        folder = root / f"day={day}"  # one folder less to make and remove than Delta's own
        folder.mkdir(parents=True)
        paths, digest = [path for _, path in files], there[day]
        copies = [folder / f"part-{number}.parquet" for number in range(len(paths))]
        if change := changes.get(day):
            rows = change(_read(source, table, paths))
            del copies[1:]
            pq.write_table(rows, copies[0])
            digest = digests.of_table(rows)
        else:
            for path, copied in zip(paths, copies, strict=True):
                shutil.copyfile(path, copied)
        actions += [_added(path, root, day, digest) for path in copies]
    schema = Schema.from_arrow(schemas.stored(target.use_case, table))
    create_table_with_add_actions(str(root), schema, actions, partition_by=[*schemas.PARTITION])


def _read(lake: Lake, table: str, paths: list[Path]) -> pa.Table:
    schema = schemas.content(lake.use_case, table)
    return pa.concat_tables(pq.read_table(path, partitioning=None).select(schema.names).cast(schema) for path in paths)


def _added(path: Path, root: Path, day: date, digest: str) -> AddAction:
    found = path.stat()
    return AddAction(
        path=str(path.relative_to(root)),
        size=found.st_size,
        partition_values={"day": day.isoformat(), "digest": digest},
        modification_time=int(found.st_mtime * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": pq.read_metadata(path).num_rows}),
    )
