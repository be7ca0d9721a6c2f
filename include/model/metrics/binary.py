"""Compute and define the metrics of one probability per row.

Imports numeric libraries only inside functions, since the declaration checks names against these metrics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.model.metrics.metric import Metric, mean_of, without_task
from include.model.metrics.regression import squared_errors

if TYPE_CHECKING:
    from include.declaration.task import Binary
    from include.model.arrays import Numbers

BINS = 10
"""Number of bins of predicted probability for measuring calibration."""


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


METRICS = (
    Metric(name="auc", label="AUC", title="AUC", short="AUC", function=without_task(auc), higher_is_better=True),
    Metric(
        name="brier",
        label="Brier score",
        title="Brier score",
        short="Brier",
        function=mean_of(squared_errors),
        row_losses=squared_errors,
    ),
    Metric(
        name="average_precision",
        label="average precision",
        title="Average precision",
        short="AP",
        function=without_task(average_precision),
        higher_is_better=True,
    ),
    Metric(
        name="expected_cost",
        label="expected cost",
        title="Cost per row",
        short="cost",
        function=mean_of(decision_losses),
        row_losses=decision_losses,
        upper_bound=math.inf,
        unit="cost",
    ),
    Metric(
        name="ece",
        label="calibration error",
        title="Calibration error (ECE)",
        short="ECE",
        function=without_task(ece),
    ),
    Metric(
        name="mean_error",
        label="mean error",
        title="Error of the mean prediction",
        short="mean error",
        function=without_task(mean_error),
    ),
)
"""The metrics of binary tasks, in display order."""
