"""Compute and define the metrics of predicted numbers, with or without an interval.

Imports numeric libraries only inside functions, since the declaration checks names against these metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from include.model.metrics.metric import Metric, mean_of

if TYPE_CHECKING:
    from include.declaration.task import Regression, Task
    from include.model.arrays import Numbers


def point_of(predictions: Numbers) -> Numbers:
    """Return the predicted numbers, without the ends of their intervals."""
    return predictions if predictions.ndim == 1 else predictions[:, 0]


def squared_errors(labels: Numbers, predictions: Numbers, _: Task) -> Numbers:
    """Return the squared difference of prediction and label (Brier 1950)."""
    import numpy as np

    return np.square(point_of(predictions) - labels)


def absolute_errors(labels: Numbers, predictions: Numbers, _: Task) -> Numbers:
    """Return the absolute difference of prediction and label."""
    import numpy as np

    return np.abs(point_of(predictions) - labels)


def poisson_deviances(labels: Numbers, predictions: Numbers, _: Task) -> Numbers:
    """Return 2 (y log(y / m) - y + m), where 0 log 0 is 0 (McCullagh, Nelder 1989)."""
    import numpy as np
    import scipy.special

    expected = point_of(predictions)
    return np.asarray(2 * (scipy.special.xlogy(labels, labels / expected) - labels + expected))


def gamma_deviances(labels: Numbers, predictions: Numbers, _: Task) -> Numbers:
    """Return 2 (log(m / y) + y / m - 1) (McCullagh, Nelder 1989)."""
    import numpy as np

    expected = point_of(predictions)
    return np.asarray(2 * (np.log(expected / labels) + labels / expected - 1))


def pinball_losses(labels: Numbers, predictions: Numbers, task: Regression) -> Numbers:
    """Return the pinball loss of the predicted quantile (Koenker, Bassett 1978)."""
    assert task.quantile is not None  # without one, it is not among the metrics of the task
    return _pinball(labels - point_of(predictions), task.quantile)


def interval_pinball_losses(labels: Numbers, predictions: Numbers, task: Regression) -> Numbers:
    """Return the mean of the pinball losses of the two ends of the interval."""
    assert task.intervals is not None  # without one, it is not among the metrics of the task
    lower, upper = (_pinball(labels - predictions[:, n], task.intervals[n - 1]) for n in (1, 2))
    return (lower + upper) / 2


def _pinball(gaps: Numbers, level: float) -> Numbers:
    """Return the pinball loss of each label minus its predicted quantile."""
    import numpy as np

    return np.asarray(np.maximum(level * gaps, (level - 1) * gaps))


def order_losses(labels: Numbers, predictions: Numbers, task: Regression) -> Numbers:
    """Return each row's cost of ordering the prediction (newsvendor; Arrow 1951)."""
    import numpy as np

    costs = task.costs
    assert costs is not None  # without costs, it is not among the metrics of the task
    missing = labels - point_of(predictions)
    return np.where(missing > 0, costs.under * missing, -costs.over * missing)


def is_covered(labels: Numbers, predictions: Numbers, _: Task) -> Numbers:
    """Return 1 for a label within its interval, both ends included, and 0 for another."""
    import numpy as np

    return np.asarray((labels >= predictions[:, 1]) & (labels <= predictions[:, 2]), dtype=np.float64)


def interval_widths(labels: Numbers, predictions: Numbers, _: Task) -> Numbers:
    """Return the width of each interval, in the unit of the label."""
    del labels
    return predictions[:, 2] - predictions[:, 1]


def coverage_error(labels: Numbers, predictions: Numbers, task: Regression) -> float | None:
    """Return |share of labels within their interval - the declared share|."""
    import numpy as np

    if predictions.ndim == 1 or task.intervals is None:
        return None
    low, high = task.intervals
    return float(abs(np.mean(is_covered(labels, predictions, task)) - (high - low)))


def rmse(labels: Numbers, predictions: Numbers, task: Task) -> float:
    """Return the square root of the mean squared error, in the unit of the label."""
    import numpy as np

    return float(np.sqrt(np.mean(squared_errors(labels, predictions, task))))


def wape(labels: Numbers, predictions: Numbers, task: Task) -> float | None:
    """Return the absolute errors over the absolute labels (Kolassa, Schütz 2007).

    None if every label is 0.
    """
    import numpy as np

    total = float(np.sum(np.abs(labels)))
    return float(np.sum(absolute_errors(labels, predictions, task))) / total if total else None


def bias(labels: Numbers, predictions: Numbers, _: Task) -> float:
    """Return |mean prediction - mean label|; the two means tell the direction."""
    import numpy as np

    return float(abs(np.mean(point_of(predictions)) - np.mean(labels)))


def r2(labels: Numbers, predictions: Numbers, task: Task) -> float | None:
    """Return 1 - squared errors over those of the mean label, as scikit-learn.

    None if all labels are equal.
    """
    import numpy as np

    spread = float(np.sum(np.square(labels - np.mean(labels))))
    return 1 - float(np.sum(squared_errors(labels, predictions, task))) / spread if spread else None


def of_intervals(row_losses: Callable[[Numbers, Numbers, Any], Numbers]) -> Callable[..., float | None]:
    """Return the function of a metric of intervals: None for predictions without any."""

    def mean_loss(labels: Numbers, predictions: Numbers, task: Task) -> float | None:
        import numpy as np

        return None if predictions.ndim == 1 else float(np.mean(row_losses(labels, predictions, task)))

    return mean_loss


def of_positive(row_losses: Callable[[Numbers, Numbers, Any], Numbers]) -> Callable[..., float | None]:
    """Return the function of a deviance: None unless every prediction is above 0."""

    def mean_loss(labels: Numbers, predictions: Numbers, task: Task) -> float | None:
        import numpy as np

        positive = bool(np.all(point_of(predictions) > 0))
        return float(np.mean(row_losses(labels, predictions, task))) if positive else None

    return mean_loss


METRICS = (
    Metric(
        name="poisson_deviance",
        undefined_if="a prediction is not above 0",
        label="Poisson deviance",
        title="Poisson deviance",
        short="deviance",
        function=of_positive(poisson_deviances),
        row_losses=poisson_deviances,
        upper_bound=math.inf,
    ),
    Metric(
        name="gamma_deviance",
        undefined_if="a prediction is not above 0",
        label="gamma deviance",
        title="Gamma deviance",
        short="deviance",
        function=of_positive(gamma_deviances),
        row_losses=gamma_deviances,
        upper_bound=math.inf,
    ),
    Metric(
        name="mae",
        label="mean absolute error",
        title="Mean absolute error (MAE)",
        short="MAE",
        function=mean_of(absolute_errors),
        row_losses=absolute_errors,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="mse",
        label="mean squared error",
        title="Mean squared error",
        short="MSE",
        function=mean_of(squared_errors),
        row_losses=squared_errors,
        upper_bound=math.inf,
    ),
    Metric(
        name="rmse",
        label="root mean squared error",
        title="Root mean squared error (RMSE)",
        short="RMSE",
        function=rmse,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="wape",
        label="weighted absolute percentage error",
        title="Weighted absolute percentage error (WAPE)",
        short="WAPE",
        function=wape,
        upper_bound=math.inf,
    ),
    Metric(
        name="bias",
        label="absolute bias",
        title="Bias, absolute",
        short="bias",
        function=bias,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="r2",
        label="R²",
        title="R²",
        short="R²",
        function=r2,
        higher_is_better=True,
        lower_bound=-math.inf,
    ),
    Metric(
        name="pinball_loss",
        label="pinball loss",
        title="Pinball loss",
        short="pinball",
        function=mean_of(pinball_losses),
        row_losses=pinball_losses,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="interval_pinball",
        needs_interval=True,
        label="pinball loss of the interval",
        title="Pinball loss of the interval",
        short="interval pinball",
        function=of_intervals(interval_pinball_losses),
        row_losses=interval_pinball_losses,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="coverage",
        needs_interval=True,
        label="coverage of the interval",
        title="Coverage of the interval",
        short="coverage",
        function=of_intervals(is_covered),
        row_losses=is_covered,
        higher_is_better=True,
    ),
    Metric(
        name="coverage_error",
        needs_interval=True,
        label="error of the coverage",
        title="Distance of the coverage from the declared one",
        short="coverage error",
        function=coverage_error,
    ),
    Metric(
        name="interval_width",
        needs_interval=True,
        label="width of the interval",
        title="Width of the interval",
        short="width",
        function=of_intervals(interval_widths),
        row_losses=interval_widths,
        upper_bound=math.inf,
        unit="label",
    ),
    Metric(
        name="order_cost",
        label="cost of the order",
        title="Cost of an order",
        short="cost",
        function=mean_of(order_losses),
        row_losses=order_losses,
        upper_bound=math.inf,
        unit="cost",
    ),
)
"""The metrics of regressions, in display order."""
