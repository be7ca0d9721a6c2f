"""List every evaluation metric, and compute them by name.

A metric is a number from labels, predictions and the declared task. The declaration checks names against this list, so
numeric libraries are imported only inside functions. To add a metric, add one `Metric` to the module of its task, and
its name to the `metrics` of a task.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from include.model.metrics import binary, log_loss, multiclass, regression
from include.model.metrics.metric import Metric

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.model.arrays import Numbers

_METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*log_loss.METRICS, *binary.METRICS, *regression.METRICS, *multiclass.METRICS)
}
METRICS: Mapping[str, Metric] = MappingProxyType(_METRICS)
"""Every evaluation metric by its name, in display order; those that use cases declare are last."""
BUILT_IN = tuple(_METRICS)
"""Names of the metrics of this package."""
ADDITIVE = tuple(name for name, metric in METRICS.items() if metric.additive and not metric.higher_is_better)
"""Names of the metrics that are mean losses over rows."""


def metric_named(name: str) -> Metric | None:
    """Return the metric of that name; None if there is none."""
    return METRICS.get(name)


def unit_of(name: str, task: Task | None) -> str:
    """Return the declared unit of a metric's values, also of a monitored `window/<metric>`; empty without one."""
    metric = METRICS.get(name.rpartition("/")[2])
    return "" if metric is None or task is None else metric.unit_of(task)


def champion_metrics() -> tuple[str, ...]:
    """Return the names of the metrics on which a model is compared with the champion.

    These are mean losses, and the metrics that use cases declare: any other has little power on a few test days.
    """
    return tuple(name for name, metric in METRICS.items() if name in ADDITIVE or metric.origin)


def add_metric(metric: Metric) -> None:
    """Add a metric that a use case declares, or replace an earlier declaration of it."""
    _METRICS[metric.name] = metric


RECALL = "recall:"
"""First part of the name of the recall of a class."""
SUMMARY = ("rows", "base_rate", "mean_prediction", "mean_label", "mean_value")
"""Names of the summaries of rows that are recorded with the metrics, besides those with `RECALL`."""


def is_summary(name: str) -> bool:
    """Return whether a name is that of a summary of rows."""
    return name in SUMMARY or name.startswith(RECALL)


def losses(metric: str, labels: Numbers, predictions: Numbers, task: Task) -> Numbers:
    """Return the contribution of each row to a metric that is a mean over rows.

    Raises:
        KeyError: the metric is not a mean over rows.
    """
    row_losses = METRICS[metric].row_losses if metric in METRICS else None
    if row_losses is None:
        raise KeyError(f"{metric} is not a mean over rows; the means are {list(ADDITIVE)}.")
    return row_losses(labels, predictions, task)


def compute_metric(metric: str, labels: Numbers, predictions: Numbers, task: Task) -> float | None:
    """Compute one metric of at least one row, by its name.

    Returns None if it is undefined for these rows.

    Raises:
        KeyError: there is no such metric.
    """
    return METRICS[metric].function(labels, predictions, task)


def compute_metrics(labels: Numbers, predictions: Numbers, task: Task) -> dict[str, float]:
    """Compute the metrics of the task that are defined, and its summaries of rows.

    Raises:
        ValueError: there are no rows, or the lengths differ.
    """
    if len(labels) != len(predictions) or not len(labels):
        raise ValueError(
            f"Metrics need as many labels as predictions, at least one: {len(labels)} and"
            f" {len(predictions)} were given."
        )
    values = {metric: compute_metric(metric, labels, predictions, task) for metric in task.metrics}
    return _summaries(labels, predictions, task) | {name: value for name, value in values.items() if value is not None}


def _summaries(labels: Numbers, predictions: Numbers, task: Task) -> dict[str, float]:
    """Return the summaries of the task, without the recall of an absent class."""
    import numpy as np

    values: dict[str, float] = {}
    for name in task.summaries:
        if name == "rows":
            values[name] = float(len(labels))
        elif name in ("base_rate", "mean_label"):
            values[name] = float(np.mean(labels))
        elif name in ("mean_prediction", "mean_value"):
            values[name] = float(np.mean(regression.point_of(predictions)))
    if recalls := [name for name in task.summaries if name.startswith(RECALL)]:
        found = zip(recalls, multiclass.class_counts(labels, predictions).recalls.tolist(), strict=True)
        values |= {name: recall for name, recall in found if not math.isnan(recall)}
    return values


def metric_name(split: str, metric: str, subject: str) -> str:
    """Return the name of a metric in a training run.

    MLflow's page groups by the part before the slash.
    """
    return f"{split}/{metric}.{subject}"


def split_metrics(recorded: Mapping[str, float], split: str) -> dict[str, dict[str, float]]:
    """Return subject (model or a baseline) to metric to value, from a run's metrics of one split."""
    by_subject: dict[str, dict[str, float]] = {}
    for name, value in sorted(recorded.items()):
        group, _, rest = name.partition("/")
        metric, _, subject = rest.partition(".")
        if group == split and subject:
            by_subject.setdefault(subject, {})[metric] = value
    return by_subject
