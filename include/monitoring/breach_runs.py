"""Join breaches of one limit in consecutive periods. Pure.

Also says which breaches ask for action.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from include.declaration.period import Period
from include.monitoring.definitions import Category, find_metric
from include.monitoring.metric_table import MetricValue

WATCHED: frozenset[Category] = frozenset({"drift", "interval", "cost", "feature"})
"""Categories whose breaches ask for no action of a person today: the policy decides, or a trend is watched."""


@dataclass(frozen=True)
class BreachRun:
    """Breaches of one limit in consecutive measured periods."""

    newest: MetricValue
    first: Period
    length: int
    """Number of measured periods; not measured ones between them are not counted."""

    @property
    def words(self) -> str:
        """Return how long it lasts; empty for one period.

        For example: `7 days running, since 2013-04-01`.
        """
        if self.length < 2:
            return ""
        return f"{self.newest.period.unit.counted(self.length)} running, since {self.first}"


def is_watched(row: MetricValue) -> bool:
    """Return whether a breach is watched; otherwise it asks for action."""
    defined = find_metric(row.metric)
    return defined is not None and defined.category in WATCHED


def join_breaches(breaches: Iterable[MetricValue], measured: Sequence[Period]) -> list[BreachRun]:
    """Return the runs of breaches of the same metric and subject, the newest first.

    `breaches` are in any order; `measured` are the measured periods in order: a measured period without the breach ends
    a run.
    """
    place = {period: number for number, period in enumerate(measured)}
    running: dict[tuple[str, str], BreachRun] = {}
    ended: list[BreachRun] = []
    for row in sorted(breaches, key=lambda row: (row.period, row.metric, row.subject)):
        limit = row.metric, row.subject
        before = running.get(limit)
        if before is not None and place.get(row.period, -1) - place.get(before.newest.period, -1) == 1:
            running[limit] = BreachRun(row, before.first, before.length + 1)
        elif before is not None and before.newest.period == row.period:
            running[limit] = BreachRun(row, before.first, before.length)
        else:
            ended += [before] if before is not None else []
            running[limit] = BreachRun(row, row.period, 1)
    runs = [*ended, *running.values()]
    return sorted(runs, key=lambda run: (run.newest.period, run.length), reverse=True)


def running_on(runs: Iterable[BreachRun], period: Period) -> Mapping[tuple[str, str], BreachRun]:
    """Return the runs that last on a period, by metric and subject."""
    return {(run.newest.metric, run.newest.subject): run for run in runs if run.newest.period == period}


def all_watched(rows: Collection[MetricValue]) -> bool:
    """Return whether no breach of these asks for action."""
    return all(map(is_watched, rows))
