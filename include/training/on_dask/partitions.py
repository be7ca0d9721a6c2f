"""Deal the train periods to partitions and workers, by the data alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import pyarrow as pa

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.features.labels import join_labels, known_labels
from include.lake.snapshot import AsOfSnapshot


def count_labelled_rows(use_case: UseCase, view: AsOfSnapshot, first: Period, last: Period) -> dict[Period, int]:
    """Return the number of labelled rows of each period that has any.

    Reads only keys. The files of features are checked by the workers, which read them whole.

    Raises:
        PartitionCorruptedError: a file is not genuine, or cannot be read because it is damaged.
    """
    try:
        with view.diagnose_read_errors("features", first, last):
            counts = _count_rows(use_case, view, first, last)
    except pa.ArrowException:
        view.require_whole("features", first, last)
        raise
    return {period: counts[period.start] for period in use_case.calendar.periods_of(sorted(counts))}


def _count_rows(use_case: UseCase, view: AsOfSnapshot, first: Period, last: Period) -> dict[date | datetime, int]:
    features = view.table("features", first, last, checked=False).select(*dict.fromkeys(("period", *use_case.keys)))
    joined = join_labels(use_case, features, known_labels(use_case, view, first))
    counted: pa.Table = joined.group_by("period").agg(rows=joined.count()).to_pyarrow()
    return dict(zip(counted["period"].to_pylist(), counted["rows"].to_pylist(), strict=True))


def split_into_partitions(rows: Mapping[Period, int], parts: int) -> list[tuple[Period, ...]]:
    """Return groups of consecutive periods with about as many rows each.

    `rows` are in order of periods, of at least `parts` periods: each group has one or more.
    """
    periods, total = list(rows), sum(rows.values())
    groups: list[tuple[Period, ...]] = []
    start = seen = 0
    for part in range(parts):
        end = start
        while end < len(periods) - (parts - part - 1) and (end == start or seen * parts < total * (part + 1)):
            seen += rows[periods[end]]
            end += 1
        groups.append(tuple(periods[start:end]))
        start = end
    return groups


def share_of(partition: int, workers: int) -> int:
    """Return the number of the worker that has a partition.

    They are dealt in turn, so that each worker has rows of every season.
    """
    return partition % workers


def dealt(partitions: Sequence[int], workers: int) -> list[list[int]]:
    """Return the partitions of each worker, in order."""
    return [[each for each in partitions if share_of(each, workers) == share] for share in range(workers)]
