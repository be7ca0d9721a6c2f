"""Declare a task that predicts whether an event happens. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from include.declaration.costs import DecisionCosts
from include.declaration.field_types import require_field_types
from include.declaration.problems import declared
from include.declaration.task.base import Task, format_number


@declared
@dataclass(frozen=True)
class Binary(Task):
    """Predict the probability of an event: a label is 1 if it happened, else 0."""

    kind: ClassVar[str] = "binary"
    label_type: ClassVar[str] = "int8"
    main_metric: ClassVar[str] = "log_loss"
    summaries: ClassVar[tuple[str, ...]] = ("rows", "base_rate", "mean_prediction")

    costs: DecisionCosts | None = None
    """Costs of wrong decisions; without them a row is predicted positive from a probability of 0.5 on."""

    def __post_init__(self) -> None:
        require_field_types(self)

    @property
    def threshold(self) -> float:
        """Return the probability from which a row is predicted positive."""
        return self.costs.threshold if self.costs else 0.5

    @property
    def own_metrics(self) -> tuple[str, ...]:
        cost = ("expected_cost",) if self.costs else ()
        return ("log_loss", "auc", "brier", "average_precision", *cost, "ece", "mean_error")

    @property
    def own_headline(self) -> tuple[str, ...]:
        return tuple(name for name in ("log_loss", "auc", "brier", "expected_cost") if name in self.own_metrics)

    @property
    def baselines(self) -> tuple[str, ...]:
        return ("prior", "logistic")

    @property
    def prediction_columns(self) -> Mapping[str, str]:
        return {"probability": "float64", "predicted_positive": "bool"}

    @property
    def outcomes(self) -> tuple[str, ...]:
        return ("0", "1")

    @property
    def score_scale(self) -> str:
        return "log-odds"

    @property
    def main_column(self) -> str:
        return "probability"

    @property
    def summary(self) -> str:
        return "the probability that it is 1"

    @property
    def decision(self) -> str:
        costs = self.costs
        if costs is None:
            return "positive from a probability of 0.5 on; no costs are declared."
        positive, negative = format_number(costs.false_positive), format_number(costs.false_negative)
        return (
            f"positive from a probability of {format_number(costs.threshold)} on. A false negative costs {negative}"
            f" {costs.unit}, a false positive {positive}. With calibrated probabilities the threshold {positive} /"
            f" ({positive} + {negative}) minimises the expected cost (Elkan 2001)."
        )

    @property
    def mean_columns(self) -> Mapping[str, str]:
        return {"mean_prediction": "probability", "predicted_positive_rate": "predicted_positive"}

    @property
    def cost_unit(self) -> str:
        return self.costs.unit if self.costs else ""

    @property
    def cost_metric(self) -> str:
        return "expected_cost" if self.costs else ""

    def training_values(self) -> dict[str, object]:
        return {"costs": [self.costs.false_negative, self.costs.false_positive] if self.costs else None}
