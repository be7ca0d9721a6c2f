"""Names of evaluation metrics and of what is measured, and the check that declarations are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Metric = Literal["log_loss", "auc", "brier", "average_precision", "expected_cost", "ece", "mean_error"]
"""What is measured on the test days; logic/metrics.py has the formulas."""
METRICS: tuple[str, ...] = get_args(Metric)
HIGHER_IS_BETTER = frozenset({"auc", "average_precision"})
ADDITIVE = ("log_loss", "brier", "expected_cost")
"""Metrics that are means over rows, so that days can be resampled."""
UP_TO_ONE = frozenset(METRICS) - {"log_loss", "expected_cost"}
"""Metrics that lie between 0 and 1; the others have no upper end."""
BASELINES = ("prior", "logistic")
ALL_ROWS, CHAMPION = "all rows", "champion"
MODEL = "model"
"""The model that is judged, as a subject of metrics and predictions."""
METRIC_LABELS: Mapping[str, str] = {
    "log_loss": "log loss",
    "auc": "AUC",
    "brier": "Brier score",
    "average_precision": "average precision",
    "expected_cost": "expected cost",
    "ece": "calibration error",
    "mean_error": "mean error",
}
"""Metrics as a sentence names them."""


def require(condition: bool, message: str) -> None:
    """ValueError with that message, unless the condition holds."""
    if not condition:
        raise ValueError(message)


def require_one_of(value: str, known: Sequence[str], say: str) -> None:
    """ValueError that begins with `say`, unless the value is among those that are known."""
    require(value in known, f"{say}{value!r} is none of {list(known)}.")
