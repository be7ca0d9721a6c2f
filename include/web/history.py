"""Read the metrics of a use case over a range of periods; write nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.lake.range_reader import RangeReader
from include.monitoring.definitions import MONITORING_METRICS
from include.monitoring.metric_table import MetricTable
from include.project import Project
from include.registry.ledger_entry import LedgerEntry
from include.web.date_range import DateRange
from include.web.opening import opening_period

OF_FEATURES = frozenset(name for name, metric in MONITORING_METRICS.items() if metric.subject == "<feature>")
"""Metrics of features: most rows of the table."""


@dataclass(frozen=True)
class MetricHistory:
    """The metrics that became known from `first` to `period`, and the ledger."""

    use_case: UseCase
    first: Period
    period: Period
    """The last one."""
    newest: Period | None
    """The newest measured period; None if none was."""
    measures: MetricTable
    entries: tuple[LedgerEntry, ...] = ()
    """Entries of the ledger effective by `period`, newest first."""
    problems: tuple[str, ...] = ()

    @cached_property
    def calendar(self) -> list[Period]:
        """Return every period that is drawn, measured or not."""
        return period_range(self.first, self.period)

    @property
    def versions(self) -> list[str]:
        """Return the versions that the ledger names by `period`, newest first."""
        return list(dict.fromkeys(entry.version for entry in self.entries))


def read_history(
    project: Project, asked: DateRange, *, without: frozenset[str] = frozenset(), only: Collection[str] | None = None
) -> MetricHistory:
    """Read the metrics of the range, and the ledger up to its end.

    Without a last period it is the range with which the overview opens. `without` leaves out rows of these metrics that
    breached no limit, `only` all rows of other subjects. A table or ledger that cannot be read becomes a sentence in
    `problems`.
    """
    use_case, today, problems = project.use_case, project.use_case.newest_period(), list[str]()
    reader, newest, opening = RangeReader(project.lake, "metrics", ()), None, None
    try:
        reader = RangeReader.open(project.lake, "metrics", today)
        newest = max(reader.periods, default=None)
        opening = None if asked.last else opening_period(reader, asked.span)
    except AirworthyError as error:
        problems.append(str(error))
    last = min(max(asked.last, use_case.first_period), today) if asked.last else opening or newest or today
    first = max(use_case.first_period, last - (asked.span - 1))
    drawn = reader.between(first, last)
    if not asked.is_free:
        first = min(drawn.periods, default=first)
    try:
        rows = drawn.rows(without=without)
    except AirworthyError as error:
        problems.append(str(error))
        rows = RangeReader(project.lake, "metrics", ()).rows()
    return MetricHistory(
        use_case, first, last, newest, MetricTable(_of_subjects(rows, only), use_case.calendar),
        _entries(project, last, problems), tuple(problems),
    )  # fmt: skip


def _of_subjects(rows: pa.Table, only: Collection[str] | None) -> pa.Table:
    return rows if only is None else rows.filter(pc.is_in(rows["subject"], pa.array(sorted(only), pa.string())))


def _entries(project: Project, last: Period, problems: list[str]) -> tuple[LedgerEntry, ...]:
    try:
        return tuple(entry for entry in reversed(project.ledger.entries()) if entry.effective_from <= last)
    except (AirworthyError, OSError):  # the text of the error may name a path of the server
        problems.append("The ledger is damaged or cannot be read: the command `ledger` shows where.")
        return ()
