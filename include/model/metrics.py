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
"""Bins of predicted probability that calibration is measured in."""


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
    """Labels, probabilities and costs to its value; None where it is not defined for these rows."""
    row_losses: Callable[[Numbers, Numbers, DecisionCosts], Numbers] | None = None
    """What each row adds, where the metric is a mean over rows; None where it is not."""
    higher_is_better: bool = False
    upper_bound: float = 1.0
    unit: Literal["", "nats", "cost"] = ""
    """`cost` is the unit of the declared costs."""

    @property
    def better(self) -> str:
        """The direction that is better, as a word."""
        return "higher" if self.higher_is_better else "lower"

    @property
    def additive(self) -> bool:
        """Whether it is a mean over rows, so that days can be resampled."""
        return self.row_losses is not None


def log_losses(labels: Numbers, probabilities: Numbers, _: DecisionCosts) -> Numbers:
    """Return -log p(what happened), natural logarithm (Good 1952); a sure mistake costs 36, not infinity."""
    import numpy as np

    least = np.finfo(np.float64).eps  # Probabilities are kept so far from 0, as scikit-learn does.
    happened = np.where(labels > 0, probabilities, 1 - probabilities)
    return np.asarray(-np.log(np.clip(happened, least, 1 - least)))


def squared_errors(labels: Numbers, probabilities: Numbers, _: DecisionCosts) -> Numbers:
    """Return the squared difference of probability and label (Brier 1950, for two classes: from 0 to 1)."""
    import numpy as np

    return np.square(probabilities - labels)


def decision_losses(labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> Numbers:
    """Return each row's cost, in the costs' unit; positive from their threshold on (Elkan 2001)."""
    import numpy as np

    predicted_positive = probabilities >= costs.threshold
    return np.where(
        labels > 0,
        np.where(predicted_positive, 0.0, costs.false_negative),
        np.where(predicted_positive, costs.false_positive, 0.0),
    )


def losses(metric: str, labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> Numbers:
    """Return what each row adds to a metric that is a mean over rows; KeyError for another."""
    found = METRICS[metric].row_losses if metric in METRICS else None
    if found is None:
        raise KeyError(f"{metric} is not a mean over rows; those are {list(ADDITIVE)}.")
    return found(labels, probabilities, costs)


def mean_error(labels: Numbers, probabilities: Numbers) -> float:
    """How far the mean prediction is from the share of positives: calibration in the large (Cox 1958), from 0 to 1."""
    import numpy as np

    return float(abs(np.mean(probabilities) - np.mean(labels)))


def auc(labels: Numbers, probabilities: Numbers) -> float | None:
    """Chance that a positive is ranked above a negative, ties counting half (Hanley, McNeil 1982).

    None where only one class is there: it is not defined.
    """
    import sklearn.metrics

    return float(sklearn.metrics.roc_auc_score(labels, probabilities)) if _both(labels) else None


def average_precision(labels: Numbers, probabilities: Numbers) -> float | None:
    """Sum over thresholds of precision times step in recall, not interpolated (Zhu 2004).

    None where only one class is there: without positives there is no recall, and without negatives every ranking,
    also a wrong one, has the value 1.
    """
    import sklearn.metrics

    return float(sklearn.metrics.average_precision_score(labels, probabilities)) if _both(labels) else None


@dataclass(frozen=True)
class Curves:
    """What each threshold gives: the ROC and the precision-recall curve, each from one end to the other."""

    false_positive_rate: Numbers
    true_positive_rate: Numbers
    recall: Numbers
    precision: Numbers


def curves(labels: Numbers, probabilities: Numbers) -> Curves | None:
    """Both curves; None where only one class is there."""
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
    """Of each bin of predicted probability that has rows: rows, mean prediction and share of positives."""

    rows: Numbers
    predicted: Numbers
    happened: Numbers


def calibration(labels: Numbers, probabilities: Numbers, bins: int = BINS) -> Calibration:
    """Rows grouped into equally wide bins of probability; 1.0 falls into the last. Empty bins are left out.

    scikit-learn's `calibration_curve` does not say how many rows a bin has, which `ece` needs.
    """
    import numpy as np

    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    rows = np.bincount(place, minlength=bins).astype(np.float64)
    there = rows > 0
    predicted = np.bincount(place, weights=probabilities, minlength=bins)[there] / rows[there]
    happened = np.bincount(place, weights=labels, minlength=bins)[there] / rows[there]
    return Calibration(rows[there], predicted, happened)


def ece(labels: Numbers, probabilities: Numbers, bins: int = BINS) -> float:
    """Expected calibration error: |share of positives - mean prediction| per bin, weighted by rows (Naeini 2015)."""
    import numpy as np

    found = calibration(labels, probabilities, bins)
    return float(np.sum(found.rows * np.abs(found.happened - found.predicted)) / np.sum(found.rows))


@dataclass(frozen=True)
class Confusion:
    """Hold counts of rows by prediction (positive from the threshold on) and by label."""

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
    """Return the function of a metric that no cost changes."""
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
"""Every evaluation metric by its name, in the order in which they are shown."""
ADDITIVE = tuple(name for name, metric in METRICS.items() if metric.additive)
"""Names of the metrics that are means over rows."""
HEADLINE = ("log_loss", "auc", "brier", "expected_cost")
"""Names of the metrics that short tables show."""
SUMMARY = ("rows", "base_rate", "mean_prediction")
"""Names of what `compute_metrics` says of the rows besides the metrics."""


def compute_metric(metric: str, labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> float | None:
    """Compute one metric of one row or more, by its name (KeyError for an unknown one).

    None where it is not defined for these rows.
    """
    return METRICS[metric].function(labels, probabilities, costs)


def compute_metrics(labels: Numbers, probabilities: Numbers, costs: DecisionCosts) -> dict[str, float]:
    """Every metric that is defined for these rows; ValueError for no rows at all or unequal lengths."""
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
    found = {metric: compute_metric(metric, labels, probabilities, costs) for metric in METRICS}
    return rows | {name: value for name, value in found.items() if value is not None}


def metric_name(split: str, metric: str, subject: str) -> str:
    """How a training run calls a metric: MLflow's page groups by what stands before the slash."""
    return f"{split}/{metric}.{subject}"


def split_metrics(recorded: Mapping[str, float], split: str) -> dict[str, dict[str, float]]:
    """Of a run's metrics those of a split: subject (model or a baseline) to metric to value."""
    found: dict[str, dict[str, float]] = {}
    for called, value in sorted(recorded.items()):
        where, _, rest = called.partition("/")
        metric, _, subject = rest.partition(".")
        if where == split and subject:
            found.setdefault(subject, {})[metric] = value
    return found
