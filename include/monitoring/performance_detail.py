"""Measure where a day's predictions were right: by group, and by label. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from include.declaration.gates import MODEL
from include.declaration.task import Task
from include.model import metrics, slices
from include.model.arrays import Numbers
from include.model.tasks import task_model
from include.monitoring.definitions import SLICE
from include.monitoring.metric_row import MetricRow

MIN_ROWS, MOST_GROUPS = 20, 50
"""Least labelled rows of a group on one period, and most groups of a column that are kept, the largest ones."""
MOST_CLASSES = 10
"""Most classes whose predictions are counted by label: the number of rows is its square."""
NAME_LENGTH = 100
"""Longest name of a group that is stored."""


def slice_rows(
    columns: pa.Table, labels: Numbers, predictions: Numbers, asked: Sequence[tuple[str, str]], task: Task
) -> list[MetricRow]:
    """Compute metrics in each group of rows that share a value, and count its rows.

    `asked` holds pairs of column and metric; columns that the rows do not have are left out. Groups of fewer than
    `MIN_ROWS` rows, and groups in which the metric is undefined, have no row.
    """
    rows: dict[tuple[str, str], MetricRow] = {}
    for column, metric in asked:
        if column not in columns.column_names or not len(labels):
            continue
        whole = metrics.compute_metric(metric, labels, predictions, task)
        groups = slices.slice_metrics(
            columns[column], labels, predictions, metric, reference=whole or 0.0, task=task, min_rows=MIN_ROWS
        )
        for group in sorted(groups.judged, key=lambda group: (-group.rows, group.name))[:MOST_GROUPS]:
            subject = f"{column}: {group.name[:NAME_LENGTH]}"
            rows[f"{SLICE}{metric}", subject] = MetricRow(f"{SLICE}{metric}", subject, group.value)
            rows["slice_rows", subject] = MetricRow("slice_rows", subject, float(group.rows))
    return list(rows.values())


def confusion_rows(labels: Numbers, predicted: Mapping[str, Numbers], task: Task) -> list[MetricRow]:
    """Count the rows of each label by what the model predicted.

    There are none for numbers and for many classes. An event is predicted from the declared threshold on; of
    classes, the most probable one is predicted.
    """
    if MODEL not in predicted or not len(labels):
        return []
    names = task.outcomes
    if not 0 < len(names) <= MOST_CLASSES:
        return []
    chosen = task_model(task).chosen_outcomes(predicted[MODEL]).astype(np.int64)
    known = np.isfinite(labels)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (labels[known].astype(np.int64), chosen[known]), 1)
    return [
        MetricRow("confusion", confusion_subject(label, prediction), float(counts[row, column]))
        for row, label in enumerate(names)
        for column, prediction in enumerate(names)
    ]


def confusion_subject(label: str, prediction: str) -> str:
    """Return the subject of the rows with this label and this prediction."""
    return f"{label} predicted as {prediction}"
