"""Count quarantined rows by state, without reading the partitions.

The names of the validations' reports have the counts; only periods with resubmitted rows are read.
"""

from __future__ import annotations

import functools
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from include.declaration.period import Period
from include.ingestion import quarantine, validation_report
from include.ingestion.correction_errors import NothingQuarantinedError
from include.ingestion.correction_log import CorrectionLog
from include.ingestion.corrections import Correction
from include.lake import history, schemas
from include.lake.file_signature import FORGED
from include.lake.integrity import PartitionCorruptedError
from include.lake.object_store import StoragePath
from include.lake.snapshot import AsOfSnapshot
from include.project import DataProject

_MOST_KEPT = 4096
_counted: dict[tuple[object, ...], RowStates] = {}
"""Counts by the versions of what they were made from: see `_versions`."""
_ids: dict[tuple[str, str, str], tuple[str, ...]] = {}
"""The ids of the quarantined rows of a partition, by table, period and digest: a content never changes."""


@dataclass(frozen=True)
class RowStates:
    """Number of quarantined rows by state."""

    open: int = 0
    waiting: int = 0
    """Resubmitted; the period in which they become known is later."""
    replayed: int = 0
    """Resubmitted, and known."""

    def __add__(self, other: RowStates) -> RowStates:
        return RowStates(self.open + other.open, self.waiting + other.waiting, self.replayed + other.replayed)

    @property
    def summary(self) -> str:
        """Return the counts in words."""
        return f"{self.open:,} open, {self.waiting:,} waiting for their period, {self.replayed:,} replayed"


def count_states(project: DataProject, feed: str, until: Period) -> RowStates | None:
    """Count the rows of a feed that were quarantined by `until`, as known then.

    None if the feed was never validated.

    Raises:
        CorrectionsCorruptedError: the corrections cannot be read.
        PartitionCorruptedError: a partition is damaged, or was not written by this installation.
    """
    versions = (*_versions(project, feed), until)
    if versions not in _counted:
        view = open_checked(project, feed, until)
        if view is None:
            return None
        if len(_counted) >= _MOST_KEPT:
            _counted.clear()
        _counted[versions] = _count(project, feed, until, view)
    return _counted[versions]


def _versions(project: DataProject, feed: str) -> tuple[object, ...]:
    """Return what changes when a table or the corrections change.

    They are names of files that are never rewritten.
    """
    log = (project.lake.root / f"checked/{feed}/_delta_log").names()
    newest = max((name for name in log if name.endswith(".json")), default="")
    corrections = project.lake.root / "corrections" / feed
    return project.lake.uri(feed), newest, *corrections.names(), *(corrections / "periods").names()


def _count(project: DataProject, feed: str, until: Period, view: AsOfSnapshot) -> RowStates:
    counts = quarantined_by_period(project, feed, view)
    resubmitted = defaultdict[Period, dict[str, Correction]](dict)
    for correction in CorrectionLog.open(project, feed).accepted():
        origins = project.use_case.calendar.periods_of(correction.rows["period"].to_pylist())
        for period, row in zip(origins, correction.ids, strict=True):
            resubmitted[period][row] = correction
    states = Counter[str]()
    for period, rows in counts.items():
        if rows and period in resubmitted:
            corrections = resubmitted[period]
            states.update(state_of(corrections.get(row), until) for row in _row_ids(project, feed, view, period))
        else:
            states["open"] += rows
    return RowStates(states["open"], states["waiting"], states["replayed"])


def state_of(correction: Correction | None, until: Period) -> str:
    """Return the state of a row as known in a period, from its correction."""
    if correction is None:
        return quarantine.OPEN
    return "replayed" if correction.known_on <= until else "waiting"


def open_checked(project: DataProject, feed: str, until: Period) -> AsOfSnapshot | None:
    """Return the validated rows of a feed up to a period; None if there are none.

    Raises:
        PartitionCorruptedError: a file was not written by this installation.
    """
    table, lake = f"checked/{feed}", project.lake
    if not history.is_table(lake.uri(table)):
        return None
    view = lake.as_of(until)
    if forged := view.forged_periods(table):
        raise PartitionCorruptedError(lake.use_case.name, table, min(forged), FORGED)
    return view


def quarantined_by_period(project: DataProject, feed: str, view: AsOfSnapshot) -> dict[Period, int]:
    """Return the quarantined rows of each published period, from the reports.

    A partition without a report is read once in a process.
    """
    table = f"checked/{feed}"
    digests = {period: partition.digest for period, partition in view.partitions(table).items()}
    known = validation_report.quarantined_counts(validation_report.list_reports(project.lake, feed), digests)
    unknown = [(period, file) for period, file in view.storage_paths(table) if period not in known]
    read = Counter[Period]()
    for period, count in zip((period for period, _ in unknown), _read_counts(file for _, file in unknown), strict=True):
        read[period] += count
    return {period: known.get(period, read[period]) for period in digests}


def _read_counts(files: Iterable[StoragePath]) -> Iterable[int]:
    return [_quarantined_in(file) for file in files]


@functools.lru_cache(maxsize=_MOST_KEPT)
def _quarantined_in(file: StoragePath) -> int:
    """Return the quarantined rows of a file of a table, which never changes."""
    with pq.ParquetFile(io.BytesIO(file.read())) as stored:
        reasons = stored.read([schemas.REASONS.name], use_threads=False).column(0)
    return int(np.count_nonzero(pc.list_value_length(reasons)))


def _row_ids(project: DataProject, feed: str, view: AsOfSnapshot, period: Period) -> tuple[str, ...]:
    """Return the ids of the quarantined rows of a period."""
    table = f"checked/{feed}"
    key = (project.lake.uri(table), period.key, view.digest(table, period))
    if key not in _ids:
        if len(_ids) >= _MOST_KEPT:
            _ids.clear()
        try:
            rows = quarantine.read_quarantine(project, feed, period, checked=False).rows
            _ids[key] = tuple(rows["digest"].to_pylist())
        except NothingQuarantinedError:
            return ()
    return _ids[key]
