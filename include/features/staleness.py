"""Find periods of tables that were built by other code or from other inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from include.declaration.known import FirstSeen
from include.declaration.period import LATEST, Period
from include.declaration.use_case import UseCase
from include.features.group_join import GroupPartitions, used_groups
from include.lake import content_digest, history
from include.lake.history import CommitNote
from include.lake.lake import Lake
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.project import Project
from include.registry import code_digest

Reason = Literal["other code", "other inputs", "no record"]
_WORDS: Mapping[Reason, str] = {
    "other code": "made by other code",
    "other inputs": "made from other inputs",
    "no record": "with no record of the code that made them",
}


@dataclass(frozen=True)
class StalePeriod:
    """A period that the current code and inputs might build differently."""

    period: Period
    rows: int
    reason: Reason


@dataclass(frozen=True)
class TableStaleness:
    """Number of periods of a table, and the stale ones."""

    table: str
    periods: int
    stale: tuple[StalePeriod, ...]

    @property
    def summary(self) -> str:
        """Describe it in one line: counts by reason, rows, first and last day."""
        if not self.stale:
            return f"{self.table}: all {self.periods} periods were made by the current code from the current inputs"
        counted = Counter(stale.reason for stale in self.stale)
        causes = ", ".join(f"{count} {_WORDS[reason]}" for reason, count in counted.items())
        rows = sum(stale.rows for stale in self.stale)
        return (
            f"{self.table}: {len(self.stale)} of {self.periods} periods are stale ({causes}; {rows:,} rows,"
            f" {self.stale[0].period} to {self.stale[-1].period})"
        )


def find_stale(
    project: Project,
    first: Period | None = None,
    last: Period | None = None,
    *,
    tables: Sequence[str] = (),
    reread: bool = False,
) -> list[TableStaleness]:
    """Return the staleness of each table that has periods, in build order.

    Reads the log of each table once, and no rows; creates no table. Empty `tables` means all; `reread` is as for
    `code_digest.table_code_digest`.
    """
    use_case = project.use_case
    lake = project.lake
    view = lake.as_of(last or LATEST)
    names = [f"{kind}/{feed.name}" for kind in ("raw", "checked") for feed in use_case.feeds]
    names += ["labels", "features"] if use_case.has_labels else ["features"]
    chosen = [name for name in names if not tables or name in tables]
    since = first or use_case.first_period
    staleness = [_of_table(use_case, view, name, since, reread) for name in chosen if _exists(lake, name)]
    return [table for table in staleness if table.periods]


def stale_stretches(table: TableStaleness) -> list[str]:
    """Describe the stale periods, one line per run of days with the same reason."""
    groups: list[list[StalePeriod]] = []
    for stale in table.stale:
        before = groups[-1][-1] if groups else None
        if before and before.reason == stale.reason and stale.period - before.period == 1:
            groups[-1].append(stale)
        else:
            groups.append([stale])
    return [
        f"{group[0].period}{f' to {group[-1].period}' if len(group) > 1 else ''}: {_WORDS[group[0].reason]},"
        f" {sum(stale.rows for stale in group):,} rows"
        for group in groups
    ]


def rebuild_command(use_case: UseCase, tables: Sequence[TableStaleness]) -> str:
    """Return the command that rebuilds every stale period; empty if none is stale."""
    periods = [stale.period for table in tables for stale in table.stale]
    if not periods:
        return ""
    return (
        f"airflow backfill create --dag-id {use_case.name}__data --from-date {min(periods)} --to-date {max(periods)}"
        " --reprocess-behavior completed"
    )


def _exists(lake: Lake, table: str) -> bool:
    return history.is_table(lake.uri(table))


def _of_table(use_case: UseCase, view: AsOfSnapshot, table: str, first: Period, reread: bool) -> TableStaleness:
    partitions, code = view.partitions(table, first), code_digest.table_code_digest(use_case, table, reread=reread)
    newest = _newest_notes(view, table)
    inputs = _Inputs(use_case, view, table)
    stale = []
    for period, partition in partitions.items():
        reason = _reason(newest.get(period), partition, "" if _is_delivered(use_case, table) else code, inputs, period)
        if reason:
            stale.append(StalePeriod(period, partition.rows, reason))
    return TableStaleness(table, len(partitions), tuple(stale))


def _is_delivered(use_case: UseCase, table: str) -> bool:
    """Return whether a table's rows are not read again after their day is loaded.

    These are delivered files, and rows of a source that says nothing about the past.
    """
    kind, _, name = table.partition("/")
    if kind != code_digest.RAW:
        return False
    feed = use_case.feed(name)
    return feed.landing is not None or isinstance(getattr(feed.source, "known", None), FirstSeen)


def _reason(note: CommitNote | None, partition: Partition, code: str, inputs: _Inputs, period: Period) -> Reason | None:
    if note is None or note.digest != partition.digest or not (note.code or not code):
        return "no record"
    if code and note.code != code:
        return "other code"
    return None if inputs.are_now(period, note.inputs) else "other inputs"


def _newest_notes(view: AsOfSnapshot, table: str) -> dict[Period, CommitNote]:
    """Return the newest note of each day.

    The log is read again only if the table has another version.
    """
    uri, version = view.lake.uri(table), view.version(table)
    if uri not in _READ or _READ[uri][0] != version:
        newest: dict[Period, CommitNote] = {}
        for note in history.read_commit_notes(uri):
            newest.setdefault(note.period, note)
        _READ[uri] = (version, newest)
    return _READ[uri][1]


_READ: dict[str, tuple[int, dict[Period, CommitNote]]] = {}


class _Inputs:
    """The inputs from which the periods of a table would be built now."""

    def __init__(self, use_case: UseCase, view: AsOfSnapshot, table: str) -> None:
        kind, _, feed = table.partition("/")
        self._look_back = use_case.look_back_periods
        self._first = use_case.first_period
        self._whole = kind in (code_digest.LABELS, code_digest.FEATURES)
        sources = [f"checked/{source.name}" for source in use_case.feeds] if self._whole else []
        sources += [f"raw/{feed}"] if kind == code_digest.CHECKED else []
        self._partitions = {name: view.partitions(name) for name in sources if _exists(view.lake, name)}
        used = used_groups(use_case) if kind == code_digest.FEATURES else []
        self._groups = [GroupPartitions.of(use_case, group, view) for group in used]

    def are_now(self, period: Period, then: Mapping[str, str]) -> bool:
        """Return whether the inputs still have the digests that were read for `period`."""
        of_groups = all(group.digest(period) == then[group.table] for group in self._groups if group.table in then)
        return of_groups and all(self._digest(name, period) == then[name] for name in self._partitions if name in then)

    def _digest(self, table: str, period: Period) -> str:
        partitions = self._partitions[table]
        if not self._whole:
            return partitions[period].digest if period in partitions else ""
        since = max(self._first, period - self._look_back)
        return content_digest.digest_values(
            {
                known.key: partition.digest
                for known, partition in partitions.items()
                if since <= known <= period and partition.rows
            }
        )
