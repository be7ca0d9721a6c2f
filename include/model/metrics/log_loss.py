"""Compute the log loss of a probability, or of a probability per class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from include.model.metrics.metric import Metric, mean_of

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.model.arrays import Numbers


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


METRICS = (
    Metric(
        name="log_loss",
        label="log loss",
        title="Log loss",
        short="log loss",
        function=mean_of(log_losses),
        row_losses=log_losses,
        unit="nats",
        upper_bound=math.inf,
    ),
)
"""The metric of tasks that predict probabilities."""
