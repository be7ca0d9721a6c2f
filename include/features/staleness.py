"""Find periods of tables that other code or inputs made, and what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from include.declaration.data_declaration import DataDeclaration
from include.declaration.names import SHADOW
from include.declaration.period import LATEST, Period
from include.declaration.use_case import UseCase
from include.features import metric_inputs
from include.features.group_join import GroupPartitions, used_groups
from include.features.metric_inputs import METRICS
from include.grammar import counted
from include.lake import content_digest, history
from include.lake.history import CommitNote
from include.lake.lake import Lake
from include.lake.partitions import Partition
from include.lake.snapshot import AsOfSnapshot
from include.project import DataProject
from include.registry import code_digest, code_parts
from include.registry.code_parts import CodeParts

Reason = Literal["other code", "other inputs", "no record"]
_WORDS: Mapping[Reason, str] = {
    "other code": "made by other code",
    "other inputs": "made from other inputs",
    "no record": "with no record of the code that made them",
}
PREDICTIONS = "predictions"
CHANGES_SHOWN = 5
"""Changes that a line names."""


@dataclass(frozen=True)
class StalePeriod:
    """A period that the current code and inputs might build differently."""

    period: Period
    rows: int
    reason: Reason
    changes: tuple[str, ...] = ()
    """What changed: parts of the code, or tables that were read; empty if that is not known."""


@dataclass(frozen=True)
class TableStaleness:
    """Number of periods of a table, and the stale ones."""

    table: str
    periods: int
    stale: tuple[StalePeriod, ...]

    @property
    def changes(self) -> tuple[str, ...]:
        """Return what changed since its stale periods were built."""
        return tuple(dict.fromkeys(change for stale in self.stale for change in stale.changes))

    @property
    def summary(self) -> str:
        """Describe it in one line: counts by reason, rows, days, and what changed."""
        if not self.stale:
            return f"{self.table}: all {self.periods} periods were made by the current code from the current inputs"
        counted = Counter(stale.reason for stale in self.stale)
        causes = ", ".join(f"{count} {_WORDS[reason]}" for reason, count in counted.items())
        rows = sum(stale.rows for stale in self.stale)
        return (
            f"{self.table}: {len(self.stale)} of {self.periods} periods are stale ({causes}; {rows:,} rows,"
            f" {self.stale[0].period} to {self.stale[-1].period}){listed_changes(self.changes)}"
        )


def listed_changes(changes: Sequence[str]) -> str:
    """Return the end of a sentence that names changes; empty without any."""
    more = len(changes) - CHANGES_SHOWN
    others = [f"{more} other changes"] if more > 0 else []
    return f": {'; '.join([*changes[:CHANGES_SHOWN], *others])}" if changes else ""


def find_stale(
    project: DataProject,
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
    view = project.lake.as_of(last or LATEST)
    since = first or use_case.first_period
    built = [*data_tables(use_case), *([PREDICTIONS, SHADOW, METRICS] if isinstance(use_case, UseCase) else [])]
    chosen = [name for name in built if not tables or name in tables]
    staleness = [_of_table(use_case, view, name, since, reread) for name in chosen if table_exists(project.lake, name)]
    return [table for table in staleness if table.periods]


def data_tables(use_case: DataDeclaration) -> list[str]:
    """Return the tables that the DAG `data` builds, in its order."""
    feeds = [f"{kind}/{feed.name}" for kind in ("raw", "checked") for feed in use_case.feeds]
    return [*feeds, *([code_digest.LABELS] if isinstance(use_case, UseCase) else []), code_digest.FEATURES]


def stale_stretches(table: TableStaleness) -> list[str]:
    """Describe the stale periods, one line per run of days with the same reason."""
    groups: list[list[StalePeriod]] = []
    for stale in table.stale:
        before = groups[-1][-1] if groups else None
        is_same = before and (before.reason, before.changes) == (stale.reason, stale.changes)
        if before and is_same and stale.period - before.period == 1:
            groups[-1].append(stale)
        else:
            groups.append([stale])
    return [
        f"{group[0].period}{f' to {group[-1].period}' if len(group) > 1 else ''}: {_WORDS[group[0].reason]},"
        f" {sum(stale.rows for stale in group):,} rows{listed_changes(group[0].changes)}"
        for group in groups
    ]


@dataclass(frozen=True)
class MixedHistory:
    """A table with periods that different code built."""

    table: str
    newest: int
    """Number of periods that the same code built as the newest one."""
    others: tuple[Period, ...]
    changes: tuple[str, ...]
    """What changed between the code of the others and that of the newest period."""

    @property
    def summary(self) -> str:
        """Describe it in one line."""
        return (
            f"{self.table}: other code than that of the newest {counted(self.newest, 'period')} built"
            f" {counted(len(self.others), 'period')}, {self.others[0]} to {self.others[-1]}"
            f"{listed_changes(self.changes)}"
        )


def find_mixed_history(project: DataProject, first: Period, last: Period) -> list[MixedHistory]:
    """Return the tables with periods of `first` to `last` that different code built.

    Only features and labels are looked at, since a training reads them.
    """
    view, found = project.lake.as_of(last), []
    for table in (code_digest.LABELS, code_digest.FEATURES):
        if not table_exists(project.lake, table):
            continue
        notes, partitions = newest_notes(view, table), view.partitions(table, first, last)
        codes = {period: note.code for period in partitions if (note := notes.get(period))}
        newest = codes[max(codes)] if codes else ""
        others = tuple(sorted(period for period, code in codes.items() if code != newest))
        if others:
            now = code_parts.recorded_parts(project.lake, newest)
            changed = [_changes_between(project.lake, codes[period], now) for period in others]
            changes = tuple(dict.fromkeys(change for one in changed for change in one))
            found.append(MixedHistory(table, len(codes) - len(others), others, changes))
    return found


def _changes_between(lake: Lake, code: str, now: CodeParts | None) -> tuple[str, ...]:
    """Return what changed since this code; empty if one of them is not recorded."""
    before = code_parts.recorded_parts(lake, code) if code and now is not None else None
    return tuple(code_parts.describe_changes(before, now)) if before is not None and now is not None else ()


def table_exists(lake: Lake, table: str) -> bool:
    """Return whether the lake has a table; create none."""
    return history.is_table(lake.uri(table))


def _of_table(use_case: DataDeclaration, view: AsOfSnapshot, table: str, first: Period, reread: bool) -> TableStaleness:
    partitions, newest = view.partitions(table, first), newest_notes(view, table)
    code, inputs = _Code(use_case, view.lake, table, reread), _Inputs(use_case, view, table)
    stale = (
        _stale_period(period, newest.get(period), partition, code, inputs) for period, partition in partitions.items()
    )
    return TableStaleness(table, len(partitions), tuple(period for period in stale if period is not None))


def _stale_period(
    period: Period, note: CommitNote | None, partition: Partition, code: _Code, inputs: _Inputs
) -> StalePeriod | None:
    if note is None or note.digest != partition.digest or not (note.code or not code.digest):
        return StalePeriod(period, partition.rows, "no record")
    if code.digest and note.code != code.digest:
        return StalePeriod(period, partition.rows, "other code", code.changes_since(note.code))
    if changed := inputs.changed(period, note.inputs):
        return StalePeriod(period, partition.rows, "other inputs", tuple(changed))
    return None


class _Code:
    """The code that would build a table now."""

    def __init__(self, use_case: DataDeclaration, lake: Lake, table: str, reread: bool) -> None:
        self._use_case, self._lake, self._table, self._reread = use_case, lake, table, reread
        self._changes: dict[str, tuple[str, ...]] = {}

    @cached_property
    def digest(self) -> str:
        """Return its digest; empty if the table's rows are not built again."""
        if self._table in (PREDICTIONS, SHADOW, METRICS) or _is_delivered(self._use_case, self._table):
            return ""
        return code_digest.table_code_digest(self._use_case, self._table, reread=self._reread)

    @cached_property
    def parts(self) -> CodeParts:
        return code_parts.code_parts(self._use_case, self._table)

    def changes_since(self, before: str) -> tuple[str, ...]:
        """Return what changed since that code; empty if that is not recorded."""
        if before not in self._changes:
            self._changes[before] = _changes_between(self._lake, before, self.parts)
        return self._changes[before]


def _is_delivered(use_case: DataDeclaration, table: str) -> bool:
    """Return whether a table's rows are not read again after their day is loaded.

    These are delivered files, and rows of a source that says nothing about the past.
    """
    kind, _, name = table.partition("/")
    if kind != code_digest.RAW:
        return False
    feed = use_case.feed(name)
    return feed.landing is not None or feed.is_first_seen


def newest_notes(view: AsOfSnapshot, table: str) -> Mapping[Period, CommitNote]:
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

    def __init__(self, use_case: DataDeclaration, view: AsOfSnapshot, table: str) -> None:
        self._use_case, self._table = use_case, table
        self._look_back = use_case.look_back_periods
        self._first = use_case.first_period
        self._of_window = table in (code_digest.LABELS, code_digest.FEATURES)
        names = _read_by(use_case, table)
        self._partitions = {name: view.partitions(name) for name in names if table_exists(view.lake, name)}
        used = used_groups(use_case) if table == code_digest.FEATURES else []
        self._groups = [GroupPartitions.of(use_case, group, view) for group in used]

    def changed(self, period: Period, then: Mapping[str, str]) -> list[str]:
        """Return what changed since it was read for `period`."""
        if self._table == METRICS:
            return self._changed_for_metrics(period, then)
        own = [name for name in self._partitions if name in then and self._digest(name, period) != then[name]]
        groups = (group for group in self._groups if group.table in then)
        own += [group.table for group in groups if group.digest(period) != then[group.table]]
        return [f"{name} changed" for name in own]

    def _changed_for_metrics(self, period: Period, then: Mapping[str, str]) -> list[str]:
        """Return what changed since `period` was measured, and which metrics may."""
        assert isinstance(self._use_case, UseCase)  # a feature group has no metrics
        read = metric_inputs.metric_inputs(self._use_case, period)
        read += metric_inputs.trial_inputs(period, self._use_case.label.label_delay_periods)
        changed = [
            one.table
            for one in read
            if one.name in then and one.digest(self._partitions.get(one.table, {})) != then[one.name]
        ]
        if then.get(metric_inputs.LIMITS, self._limits) != self._limits:
            changed.append(metric_inputs.LIMITS)
        return [metric_inputs.describe_change(table) for table in dict.fromkeys(changed)]

    @cached_property
    def _limits(self) -> str:
        assert isinstance(self._use_case, UseCase)
        return metric_inputs.limits_digest(self._use_case)

    def _digest(self, table: str, period: Period) -> str:
        partitions = self._partitions[table]
        if not self._of_window:
            return partitions[period].digest if period in partitions else ""
        since = max(self._first, period - self._look_back)
        return content_digest.digest_values(
            {
                known.key: partition.digest
                for known, partition in partitions.items()
                if since <= known <= period and partition.rows
            }
        )


def _read_by(use_case: DataDeclaration, table: str) -> Iterable[str]:
    """Return the tables from which a table is built."""
    kind, _, feed = table.partition("/")
    if kind in (code_digest.LABELS, code_digest.FEATURES):
        return [f"checked/{source.name}" for source in use_case.feeds]
    if table == METRICS and isinstance(use_case, UseCase):
        return sorted({SHADOW, *(one.table for one in metric_inputs.metric_inputs(use_case, use_case.first_period))})
    if table in (PREDICTIONS, SHADOW):
        return [code_digest.FEATURES]
    return [f"raw/{feed}"] if kind == code_digest.CHECKED else []
