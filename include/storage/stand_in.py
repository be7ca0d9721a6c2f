"""Stand-in: a table of another lake, some of its days with other rows; made at once, however many days it has."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import Schema
from deltalake.transaction import AddAction, create_table_with_add_actions

from include.logic import digests
from include.storage import history, partitions, s3, schemas
from include.storage.lake import Lake
from include.storage.place import Place

Change = Callable[[pa.Table], pa.Table]


def days(lake: Lake, table: str, since: date, until: date) -> dict[date, str]:
    """Day to digest; none where the table is not there, and it is not made."""
    if not history.is_table(lake.uri(table)):
        return {}
    return {day: there.digest for day, there in partitions.of(lake.delta(table), since, until).items()}


def copy(table: str, there: Mapping[date, str], source: Lake, target: Lake, changes: Mapping[date, Change]) -> None:
    """Make the table in `target`, on disk, with the partitions `there` of `source`, in one commit; of no day, none.

    Days in `changes` hold what that function makes of their rows. Files are copied, not linked: code that writes to
    one must not reach the source.
    """
    if not there:
        return
    root, actions = (target.root / table).path, []
    for day, copies in _copies(table, there, source, root):
        digest = there[day]
        if change := changes.get(day):
            rows = change(_read(source, table, copies))
            while len(copies) > 1:
                copies.pop().unlink()
            pq.write_table(rows, copies[0])
            digest = digests.of_table(rows)
        actions += [_added(path, root, day, digest) for path in copies]
    schema = Schema.from_arrow(schemas.stored(target.use_case, table))
    create_table_with_add_actions(str(root), schema, actions, partition_by=[*schemas.PARTITION])


def _copies(table: str, there: Mapping[date, str], source: Lake, root: Path) -> list[tuple[date, list[Path]]]:
    """Those days of the table, with copies of their files below `root`."""
    found = (each for each in partitions.files(source.delta(table)) if each[0] in there)
    copies, waiting = list[tuple[date, list[Path]]](), list[tuple[Place, Path]]()
    for day, files in itertools.groupby(found, key=lambda each: each[0]):
        folder = root / f"day={day}"  # one folder less to make and remove than Delta's own
        folder.mkdir(parents=True)
        paths = [path for _, path in files]
        copies.append((day, [folder / f"part-{number}.parquet" for number in range(len(paths))]))
        waiting += zip((source.root / table / path for path in paths), copies[-1][1], strict=True)
    if source.root.is_local:
        for file, copied in waiting:
            file.fetch(copied)
    else:
        s3.together(lambda each: each[0].fetch(each[1]), waiting)
    return copies


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
