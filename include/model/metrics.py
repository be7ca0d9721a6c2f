"""Define every evaluation metric once: its name, words, direction, bounds and function.

A metric is a number from labels (0 or 1) and predicted probabilities, both one-dimensional and of one length. The
declaration checks names against this list, so numeric libraries are imported only inside functions. To add a metric,
add its name to `MetricName` and one `Metric` to `_DEFINED`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from include.declaration.costs import DecisionCosts
    from include.model.arrays import Numbers

MetricName = Literal["log_loss", "auc", "brier", "average_precision", "expected_cost", "ece", "mean_error"]
"""The names that a gate or a limit may use."""
BINS = 10
"""Number of bins of predicted probability for measuring calibration."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One evaluation metric. Its lower bound is 0."""

    name: MetricName
    label: str
    """Its name within a sentence or above a column."""
    title: str
    """Its name at the start of a line of the model card."""
    short: str
    """Its name in the legend of a plot."""
    function: Callable[[Numbers, Numbers, DecisionCosts], float | None]
    """Compute it from labels, probabilities and costs; None if it is undefined for these rows."""
    row_losses: Callable[[Numbers, Numbers, DecisionCosts], Numbers] | None = None
    """The contribution of each row, if the metric is a mean over rows; otherwise None."""
    higher_is_better: bool = False
    upper_bound: float = 1.0
    unit: Literal["", "nats", "cost"] = ""
    """`cost` means the unit of the declared costs."""

    @property
    def better(self) -> str:
        """The direction that is better, as a word."""
        return "higher" if self.higher_is_better else "lower"

    @property
    def additive(self) -> bool:
        """Return whether it is a mean over rows, so that days can be resampled."""
        return self.row_losses is not None


def log_losses(labels: Numbers, probabilities: Numbers, _: DecisionCosts) -> Numbers:
    """Return -log p(outcome), natural logarithm (Good 1952).

    A loss is at most 36 instead of infinity.
    """
    import numpy as np

    least = np.finfo(np.float64).eps  # Least probability, as in scikit-learn.
    happened = np.where(labels > 0, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(happened, least, 1 - least)))


def squared_errors(labels: Numbers, probabilities: Numbers, _: DecisionCosts) -> Numbers:
    """Return the squared difference of probability and label, from 0 to 1 (Brier 1950)."""
    import numpy as np

    return np.square(probabilities - labels)


def decision_losses(labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> Numbers:
    """Return each row's cost, in the unit of the costs.

    A row is predicted positive at or above the threshold of the costs (Elkan 2001).
    """
    import numpy as np

    predicted_positive = probabilities >= costs.threshold
    return np.where(
        labels > 0,
        np.where(predicted_positive, 0.0, costs.false_negative),
        np.where(predicted_positive, costs.false_positive, 0.0),
    )


def losses(metric: str, labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> Numbers:
    """Return the contribution of each row to a metric that is a mean over rows.

    Raises:
        KeyError: the metric is not a mean over rows.
    """
    row_losses = METRICS[metric].row_losses if metric in METRICS else None
    if row_losses is None:
        raise KeyError(f"{metric} is not a mean over rows; the means are {list(ADDITIVE)}.")
    return row_losses(labels, probabilities, costs)


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


def _mean(row_losses: Callable[[Numbers, Numbers, DecisionCosts], Numbers]) -> Callable[..., float]:
    """Return the function of a metric that is the mean of its rows' losses."""

    def mean_loss(labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> float:
        import numpy as np

        return float(np.mean(row_losses(labels, probabilities, costs)))

    return mean_loss


def _without_costs(function: Callable[[Numbers, Numbers], float | None]) -> Callable[..., float | None]:
    """Return the function of a metric that does not depend on costs."""
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
    Metric(name="auc", label="AUC", title="AUC", short="AUC", function=_without_costs(auc), higher_is_better=True),
    Metric(
        name="brier",
        label="Brier score",
        title="Brier score",
        short="Brier",
        function=_mean(squared_errors),
        row_losses=squared_errors,
    ),
    Metric(
        name="average_precision",
        label="average precision",
        title="Average precision",
        short="AP",
        function=_without_costs(average_precision),
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
        function=_without_costs(ece),
    ),
    Metric(
        name="mean_error",
        label="mean error",
        title="Error of the mean prediction",
        short="mean error",
        function=_without_costs(mean_error),
    ),
)
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _DEFINED}
"""Every evaluation metric by its name, in display order."""
ADDITIVE = tuple(name for name, metric in METRICS.items() if metric.additive)
"""Names of the metrics that are means over rows."""
HEADLINE = ("log_loss", "auc", "brier", "expected_cost")
"""Names of the metrics that short tables show."""
SUMMARY = ("rows", "base_rate", "mean_prediction")
"""Names of the summaries of the rows that `compute_metrics` returns in addition to the metrics."""


def compute_metric(metric: str, labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> float | None:
    """Compute one metric of at least one row, by its name.

    Returns None if it is undefined for these rows.

    Raises:
        KeyError: there is no such metric.
    """
    return METRICS[metric].function(labels, probabilities, costs)


def compute_metrics(labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> dict[str, float]:
    """Compute every metric that is defined for these rows, and the summaries of `SUMMARY`.

    Raises:
        ValueError: there are no rows, or the lengths differ.
    """
    import numpy as np

    if len(labels) != len(probabilities) or not len(labels):
        raise ValueError(
            f"Metrics need as many labels as probabilities, at least one: {len(labels)} and"
            f" {len(probabilities)} were given."
        )
    rows = {
        "rows": float(len(labels)),
        "base_rate": float(np.mean(labels)),
        "mean_prediction": float(np.mean(probabilities)),
    }
    values = {metric: compute_metric(metric, labels, probabilities, costs) for metric in METRICS}
    return rows | {name: value for name, value in values.items() if value is not None}


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
