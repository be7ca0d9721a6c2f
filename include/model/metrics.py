"""Define every evaluation metric once: its name, words, direction, bounds and function.

A metric is a number from labels, predictions and the declared task. Labels are one-dimensional: 0 or 1, a number, or
the index of a class. Predictions have one row per label: one probability; a number, or a number with the lower and the
upper end of its interval; or a probability per class. The declaration checks names against this list, so numeric
libraries are imported only inside functions. To add a metric, add its name to `MetricName`, one `Metric` to `_DEFINED`,
and its name to the `metrics` of a task.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from include.model import class_metrics, regression_metrics

if TYPE_CHECKING:
    from include.declaration.task import Binary, Task
    from include.model.arrays import Numbers

MetricName = Literal[
    "log_loss", "auc", "brier", "average_precision", "expected_cost", "ece", "mean_error",
    "poisson_deviance", "gamma_deviance", "mae", "mse", "rmse", "wape", "bias", "r2",
    "pinball_loss", "interval_pinball", "coverage", "coverage_error", "interval_width", "order_cost",
    "macro_f1", "balanced_accuracy", "least_recall",
]  # fmt: skip
"""The names that a gate or a limit may use."""
BINS = 10
"""Number of bins of predicted probability for measuring calibration."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One evaluation metric."""

    name: MetricName
    label: str
    """Its name within a sentence or above a column."""
    title: str
    """Its name at the start of a line of the model card."""
    short: str
    """Its name in the legend of a plot."""
    function: Callable[[Numbers, Numbers, Any], float | None]
    """Compute it from labels, predictions and the task; None if it is undefined for these rows."""
    row_losses: Callable[[Numbers, Numbers, Any], Numbers] | None = None
    """The contribution of each row, if the metric is a mean over rows; otherwise None."""
    higher_is_better: bool = False
    lower_bound: float = 0.0
    upper_bound: float = 1.0
    unit: Literal["", "nats", "cost", "label"] = ""
    """`cost` means the unit of the declared costs, `label` that of the label."""
    origin: str = ""
    """The function of a metric that a use case declares; empty for one of this module."""

    @property
    def better(self) -> str:
        """The direction that is better, as a word."""
        return "higher" if self.higher_is_better else "lower"

    @property
    def additive(self) -> bool:
        """Return whether it is a mean over rows, so that days can be resampled."""
        return self.row_losses is not None


def log_losses(labels: Numbers, probabilities: Numbers, _: Task) -> Numbers:
    """Return -log p(outcome), natural logarithm (Good 1952).

    A loss is at most 36 instead of infinity.
    """
    import numpy as np

    least = np.finfo(np.float64).eps  # Least probability, as in scikit-learn.
    if probabilities.ndim == 2:
        happened = probabilities[np.arange(len(labels)), labels.astype(np.int64)]
    else:
        happened = np.where(labels > 0, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(happened, least, 1 - least)))


def decision_losses(labels: Numbers, probabilities: Numbers, task: Binary) -> Numbers:
    """Return each row's cost, in the unit of the costs.

    A row is predicted positive at or above the threshold of the costs (Elkan 2001).
    """
    import numpy as np

    costs = task.costs
    assert costs is not None  # without costs, it is not among the metrics of the task
    predicted_positive = probabilities >= costs.threshold
    return np.where(
        labels > 0,
        np.where(predicted_positive, 0.0, costs.false_negative),
        np.where(predicted_positive, costs.false_positive, 0.0),
    )


def losses(metric: str, labels: Numbers, predictions: Numbers, task: Task) -> Numbers:
    """Return the contribution of each row to a metric that is a mean over rows.

    Raises:
        KeyError: the metric is not a mean over rows.
    """
    row_losses = METRICS[metric].row_losses if metric in METRICS else None
    if row_losses is None:
        raise KeyError(f"{metric} is not a mean over rows; the means are {list(ADDITIVE)}.")
    return row_losses(labels, predictions, task)


def mean_error(labels: Numbers, probabilities: Numbers) -> float:
    """Return |mean prediction - share of positives|, from 0 to 1.

    This is calibration in the large (Cox 1958).
    """
    import numpy as np

    return float(abs(np.mean(probabilities) - np.mean(labels)))


def auc(labels: Numbers, probabilities: Numbers) -> float | None:
    """Return the chance that a positive is ranked above a negative.

    Ties count half (Hanley, McNeil 1982). None if there is only one class: then it is undefined.
    """
    import sklearn.metrics

    return float(sklearn.metrics.roc_auc_score(labels, probabilities)) if _both(labels) else None


def average_precision(labels: Numbers, probabilities: Numbers) -> float | None:
    """Return the sum over thresholds of precision times step in recall, not interpolated (Zhu 2004).

    Returns None if there is only one class: without positives recall is undefined, and without negatives every ranking
    has the value 1.
    """
    import sklearn.metrics

    return float(sklearn.metrics.average_precision_score(labels, probabilities)) if _both(labels) else None


@dataclass(frozen=True)
class Curves:
    """The ROC and the precision-recall curve over all thresholds."""

    false_positive_rate: Numbers
    true_positive_rate: Numbers
    recall: Numbers
    precision: Numbers


def curves(labels: Numbers, probabilities: Numbers) -> Curves | None:
    """Compute both curves; None if there is only one class."""
    import sklearn.metrics

    if not _both(labels):
        return None
    false_positive_rate, true_positive_rate, _ = sklearn.metrics.roc_curve(labels, probabilities)
    precision, recall, _ = sklearn.metrics.precision_recall_curve(labels, probabilities)
    return Curves(false_positive_rate, true_positive_rate, recall, precision)


def _both(labels: Numbers) -> bool:
    import numpy as np

    return len(np.unique(labels)) == 2


@dataclass(frozen=True)
class Calibration:
    """Rows, mean prediction and share of positives of each bin of predicted probability with rows."""

    rows: Numbers
    predicted: Numbers
    happened: Numbers


def calibration(labels: Numbers, probabilities: Numbers, bins: int = BINS) -> Calibration:
    """Group rows into bins of probability of equal width.

    A probability of 1.0 is in the last bin. Empty bins are left out. scikit-learn's `calibration_curve` does not return
    the rows of a bin, which `ece` needs.
    """
    import numpy as np

    index = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    rows = np.bincount(index, minlength=bins).astype(np.float64)
    filled = rows > 0
    predicted = np.bincount(index, weights=probabilities, minlength=bins)[filled] / rows[filled]
    happened = np.bincount(index, weights=labels, minlength=bins)[filled] / rows[filled]
    return Calibration(rows[filled], predicted, happened)


def ece(labels: Numbers, probabilities: Numbers, bins: int = BINS) -> float:
    """Return the expected calibration error (Naeini 2015).

    That is |share of positives - mean prediction| per bin, weighted by rows.
    """
    import numpy as np

    binned = calibration(labels, probabilities, bins)
    return float(np.sum(binned.rows * np.abs(binned.happened - binned.predicted)) / np.sum(binned.rows))


@dataclass(frozen=True)
class Confusion:
    """Counts of rows by prediction (positive at or above the threshold) and label."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


def confusion(labels: Numbers, probabilities: Numbers, threshold: float) -> Confusion:
    """Count the four cases at a threshold."""
    import sklearn.metrics

    cells = sklearn.metrics.confusion_matrix(labels > 0, probabilities >= threshold, labels=[False, True])
    (true_negatives, false_positives), (false_negatives, true_positives) = cells.tolist()
    return Confusion(true_positives, false_positives, false_negatives, true_negatives)


def _mean(row_losses: Callable[[Numbers, Numbers, Any], Numbers]) -> Callable[..., float]:
    """Return the function of a metric that is the mean of its rows' losses."""

    def mean_loss(labels: Numbers, predictions: Numbers, task: Task) -> float:
        import numpy as np

        return float(np.mean(row_losses(labels, predictions, task)))

    return mean_loss


def _without_task(function: Callable[[Numbers, Numbers], float | None]) -> Callable[..., float | None]:
    """Return the function of a metric that does not depend on the task."""
    return lambda labels, probabilities, _: function(labels, probabilities)


_DEFINED = (
    Metric(
        name="log_loss",
        label="log loss",
        title="Log loss",
        short="log loss",
        function=_mean(log_losses),
        row_losses=log_losses,
        unit="nats",
        upper_bound=math.inf,
    ),
    Metric(name="auc", label="AUC", title="AUC", short="AUC", function=_without_task(auc), higher_is_better=True),
    Metric(
        name="brier",
        label="Brier score",
        title="Brier score",
        short="Brier",
        function=_mean(regression_metrics.squared_errors),
        row_losses=regression_metrics.squared_errors,
    ),
    Metric(
        name="average_precision",
        label="average precision",
        title="Average precision",
        short="AP",
        function=_without_task(average_precision),
        higher_is_better=True,
    ),
    Metric(
        name="expected_cost",
        label="expected cost",
        title="Cost per row",
        short="cost",
        function=_mean(decision_losses),
        row_losses=decision_losses,
        upper_bound=math.inf,
        unit="cost",
    ),
    Metric(
        name="ece",
        label="calibration error",
        title="Calibration error (ECE)",
        short="ECE",
        function=_without_task(ece),
    ),
    Metric(
        name="mean_error",
        label="mean error",
        title="Error of the mean prediction",
        short="mean error",
        function=_without_task(mean_error),
    ),
    Metric(
        name="poisson_deviance",
        label="Poisson deviance",
        title="Poisson deviance",
        short="deviance",
        function=regression_metrics.of_positive(regression_metrics.poisson_deviances),
        row_losses=regression_metrics.poisson_deviances,
        upper_bound=math.inf,
    ),
    Metric(
        name="gamma_deviance",
        label="gamma deviance",
        title="Gamma deviance",
        short="deviance",
        function=regression_metrics.of_positive(regression_metrics.gamma_deviances),
        row_losses=regression_metrics.gamma_deviances,
        upper_bound=math.inf,
    ),
    Metric(
        name="mae",
        label="mean absolute error",
        title="Mean absolute error (MAE)",
        short="MAE",
        function=_mean(regression_metrics.absolute_errors),
        row_losses=regression_metrics.absolute_errors,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="mse",
        label="mean squared error",
        title="Mean squared error",
        short="MSE",
        function=_mean(regression_metrics.squared_errors),
        row_losses=regression_metrics.squared_errors,
        upper_bound=math.inf,
    ),
    Metric(
        name="rmse",
        label="root mean squared error",
        title="Root mean squared error (RMSE)",
        short="RMSE",
        function=regression_metrics.rmse,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="wape",
        label="weighted absolute percentage error",
        title="Weighted absolute percentage error (WAPE)",
        short="WAPE",
        function=regression_metrics.wape,
        upper_bound=math.inf,
    ),
    Metric(
        name="bias",
        label="absolute bias",
        title="Bias, absolute",
        short="bias",
        function=regression_metrics.bias,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="r2",
        label="R²",
        title="R²",
        short="R²",
        function=regression_metrics.r2,
        higher_is_better=True,
        lower_bound=-math.inf,
    ),
    Metric(
        name="pinball_loss",
        label="pinball loss",
        title="Pinball loss",
        short="pinball",
        function=_mean(regression_metrics.pinball_losses),
        row_losses=regression_metrics.pinball_losses,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="interval_pinball",
        label="pinball loss of the interval",
        title="Pinball loss of the interval",
        short="interval pinball",
        function=regression_metrics.of_intervals(regression_metrics.interval_pinball_losses),
        row_losses=regression_metrics.interval_pinball_losses,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="coverage",
        label="coverage of the interval",
        title="Coverage of the interval",
        short="coverage",
        function=regression_metrics.of_intervals(regression_metrics.is_covered),
        row_losses=regression_metrics.is_covered,
        higher_is_better=True,
    ),
    Metric(
        name="coverage_error",
        label="error of the coverage",
        title="Distance of the coverage from the declared one",
        short="coverage error",
        function=regression_metrics.coverage_error,
    ),
    Metric(
        name="interval_width",
        label="width of the interval",
        title="Width of the interval",
        short="width",
        function=regression_metrics.of_intervals(regression_metrics.interval_widths),
        row_losses=regression_metrics.interval_widths,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="order_cost",
        label="cost of the order",
        title="Cost of an order",
        short="cost",
        function=_mean(regression_metrics.order_losses),
        row_losses=regression_metrics.order_losses,
        upper_bound=math.inf,
        unit="cost",
    ),
    Metric(
        name="macro_f1",
        label="macro-F1",
        title="Macro-F1",
        short="F1",
        function=class_metrics.macro_f1,
        higher_is_better=True,
    ),
    Metric(
        name="balanced_accuracy",
        label="balanced accuracy",
        title="Balanced accuracy",
        short="balanced accuracy",
        function=class_metrics.balanced_accuracy,
        higher_is_better=True,
    ),
    Metric(
        name="least_recall",
        label="lowest recall of a class",
        title="Lowest recall of a class",
        short="lowest recall",
        function=class_metrics.least_recall,
        higher_is_better=True,
    ),
)
_METRICS: dict[str, Metric] = {metric.name: metric for metric in _DEFINED}
METRICS: Mapping[str, Metric] = MappingProxyType(_METRICS)
"""Every evaluation metric by its name, in display order; those that use cases declare are last."""
BUILT_IN = tuple(_METRICS)
"""Names of the metrics of this module."""
ADDITIVE = tuple(name for name, metric in METRICS.items() if metric.additive and not metric.higher_is_better)
"""Names of the metrics that are mean losses over rows."""


def metric_named(name: str) -> Metric | None:
    """Return the metric of that name; None if there is none."""
    return METRICS.get(name)


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
            values[name] = float(np.mean(regression_metrics.point_of(predictions)))
    if recalls := [name for name in task.summaries if name.startswith(RECALL)]:
        found = zip(recalls, class_metrics.class_counts(labels, predictions).recalls.tolist(), strict=True)
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
