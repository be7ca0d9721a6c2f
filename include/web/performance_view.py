"""Collect what is stored about a model's performance over time.

That is every metric of the task, calibration, confusion and groups of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from include.declaration.gates import MODEL
from include.declaration.task import Task
from include.model.metrics import METRICS, RECALL
from include.model.tasks import task_model
from include.monitoring.definitions import SLICE
from include.monitoring.metric_table import MetricValue
from include.monitoring.performance_detail import confusion_subject
from include.web import charts, detail_charts
from include.web.history import MetricHistory

Figure = dict[str, Any]
GROUPS = 6
"""Groups of a column that are drawn, those with most rows."""
TRAILING = 7
"""Periods over which the metric of a group is averaged in a chart."""


@dataclass(frozen=True)
class Panel:
    """One chart, with its title."""

    name: str
    title: str
    hint: str
    figure: Figure | None
    empty: str


@dataclass(frozen=True)
class ConfusionMatrix:
    """Rows by label and prediction, over all periods of the range."""

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """A row for each label, a column for each prediction."""

    @property
    def rows(self) -> int:
        return sum(map(sum, self.counts))


@dataclass(frozen=True)
class SliceRow:
    """A group of rows over all periods of the range."""

    group: str
    rows: int
    value: float | None
    """None for a metric that cannot be added up over periods."""
    difference: float | None
    """How much worse than all rows; below 0 is better."""


@dataclass(frozen=True)
class SliceTable:
    """A metric in the groups of a column."""

    column: str
    metric: str
    title: str
    groups: tuple[SliceRow, ...]
    panel: Panel


@dataclass(frozen=True)
class PerformanceView:
    """The sections of the page."""

    metrics: tuple[Panel, ...]
    levels: tuple[Panel, ...]
    confusion: ConfusionMatrix | None
    slices: tuple[SliceTable, ...]


def build_performance(history: MetricHistory) -> PerformanceView:
    """Build the sections from the stored metrics."""
    task = history.use_case.task
    return PerformanceView(
        metrics=tuple(_metric_panel(history, name) for name in task.metrics),
        levels=tuple(_level_panels(history, task)),
        confusion=_confusion(history, task),
        slices=tuple(_slices(history, task)),
    )


def _metric_panel(history: MetricHistory, name: str) -> Panel:
    metric = METRICS[name]
    hint = f"of the newest labelled {history.period.unit.name}s; {metric.better} is better"
    return Panel(
        f"window-{name}", metric.title, hint, charts.performance_chart(history, name), "No period has labels yet."
    )


def _level_panels(history: MetricHistory, task: Task) -> list[Panel]:
    """Return what was predicted and what came true, period by period."""
    measures, panels = history.measures, list[Panel]()
    predicted, actual = next(iter(task.mean_columns), ""), task_model(task).level
    if recalled := [name for name in task.summaries if name.startswith(RECALL)]:
        recalls = {name.removeprefix(RECALL): measures.rows_of(name, MODEL) for name in recalled}
        figure = detail_charts.line_chart(history, recalls, share=True)
        panels.append(Panel("recalls", "Recall of each class", "of the labels that became known", figure, _NO_LABELS))
    if predicted and actual:
        lines = {"actual": measures.rows_of(actual, MODEL), "predicted": measures.rows_of(predicted, MODEL)}
        hint = "mean over the labelled rows, by the day on which the labels became known"
        figure = detail_charts.line_chart(history, lines, share=task_model(task).level_is_share)
        panels.append(Panel("level", "Calibration: predicted and actual mean", hint, figure, _NO_LABELS))
    if len(task.outcomes) == 2:
        cases = {
            "hits": ("1", "1"), "false alarms": ("0", "1"), "missed": ("1", "0"), "rightly left": ("0", "0"),
        }  # fmt: skip
        rows = {name: measures.rows_of("confusion", confusion_subject(*case)) for name, case in cases.items()}
        figure = detail_charts.line_chart(history, rows)
        panels.append(Panel("confusion", "Confusion over time", "rows", figure, _NOT_COUNTED))
    return panels


_NO_LABELS = "No period of the range has labels yet."
_NOT_COUNTED = "No period of the range was counted; measure it again with the monitor."


def _confusion(history: MetricHistory, task: Task) -> ConfusionMatrix | None:
    """Return the counts over the range; None if nothing was counted."""
    names = task.outcomes
    counts = tuple(
        tuple(
            int(
                sum(
                    row.value or 0
                    for row in history.measures.rows_of("confusion", confusion_subject(label, prediction))
                )
            )
            for prediction in names
        )
        for label in names
    )
    return ConfusionMatrix(tuple(names), counts) if any(map(any, counts)) else None


def _slices(history: MetricHistory, task: Task) -> list[SliceTable]:
    """Return the groups of each column and metric of the stored slices."""
    stored = [f"{SLICE}{name}" for name in task.metrics]
    tables: list[SliceTable] = []
    for metric in stored:
        by_column: dict[str, list[str]] = {}
        for subject in history.measures.subjects(metric):
            column, _, _ = subject.partition(": ")
            by_column.setdefault(column, []).append(subject)
        tables += [_slice_table(history, metric, column, subjects) for column, subjects in by_column.items()]
    return tables


def _slice_table(history: MetricHistory, metric: str, column: str, subjects: Sequence[str]) -> SliceTable:
    measures, name = history.measures, metric.removeprefix(SLICE)
    evaluated = METRICS[name]
    rows = {
        subject: {row.period: row.value or 0 for row in measures.rows_of("slice_rows", subject)} for subject in subjects
    }
    values = {subject: measures.rows_of(metric, subject) for subject in subjects}
    labelled = {row.period: row.value or 0 for row in measures.rows_of("labelled_rows", MODEL)}
    whole = _weighted(measures.rows_of(name, MODEL), labelled) if evaluated.additive else None
    sign = -1 if evaluated.higher_is_better else 1
    groups = []
    for subject in subjects:
        value = _weighted(values[subject], rows[subject]) if evaluated.additive else None
        worse = None if value is None or whole is None else sign * (value - whole)
        groups.append(SliceRow(subject.partition(": ")[2], int(sum(rows[subject].values())), value, worse))
    groups.sort(key=lambda group: (-(group.difference if group.difference is not None else -math.inf), group.group))
    largest = sorted(subjects, key=lambda subject: -sum(rows[subject].values()))[:GROUPS]
    unit = history.period.unit.name
    hint = f"the {len(largest)} largest of {len(subjects)} groups"
    if evaluated.additive:
        hint += f"; mean of {TRAILING} {unit}s"
    lines = {
        subject.partition(": ")[2]: _smoothed(values[subject], rows[subject]) if evaluated.additive else values[subject]
        for subject in largest
    }
    figure = detail_charts.line_chart(history, lines)
    panel = Panel(f"slice-{name}-{column}", f"{evaluated.title} by {column}", hint, figure, _NO_LABELS)
    return SliceTable(column, name, f"{evaluated.title} by {column}", tuple(groups), panel)


def _weighted(values: Sequence[MetricValue], weights: Any) -> float | None:
    """Return the mean of the values over all rows; None without rows."""
    known = [(row.value, weights.get(row.period, 0)) for row in values if row.value is not None]
    total = sum(weight for _, weight in known)
    return math.fsum(value * weight for value, weight in known) / total if total else None


def _smoothed(values: Sequence[MetricValue], weights: Any) -> list[MetricValue]:
    """Return each row with the mean over the rows of the periods up to it."""
    smoothed = []
    for place, row in enumerate(values):
        near = [
            each for each in values[max(place - TRAILING + 1, 0) : place + 1] if row.period - each.period < TRAILING
        ]
        smoothed.append(row._replace(value=_weighted(near, weights)))
    return smoothed
