"""What stands in a Delta table that is partitioned by day and digest: read from the table's state alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable


@dataclass(frozen=True)
class Partition:
    """What one day of one table holds."""

    digest: str
    rows: int


def days_from(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; none if `last` is before."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def files(delta: DeltaTable) -> list[tuple[date, str]]:
    """Day and path, relative to the table, of each of its files."""
    actions = pa.table(delta.get_add_actions(flatten=True)).select(["partition.day", "path"])
    return sorted((row["partition.day"], unquote(row["path"])) for row in actions.to_pylist())


def of(delta: DeltaTable, since: date, until: date) -> dict[date, Partition]:
    """Day to partition, in order of days, from `since` to `until`, both included."""
    actions = pa.table(delta.get_add_actions(flatten=True))
    found: dict[date, Partition] = {}
    for row in actions.select(["partition.day", "partition.digest", "num_records"]).to_pylist():
        day = row["partition.day"]
        if since <= day <= until:
            before = found[day].rows if day in found else 0
            found[day] = Partition(row["partition.digest"], before + row["num_records"])
    return dict(sorted(found.items()))
