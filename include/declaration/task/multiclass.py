"""Declare a task that predicts one of several classes. Imports nothing heavy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from include.declaration.field_types import require_field_types
from include.declaration.names import require_columns, require_distinct_columns
from include.declaration.problems import declared, require
from include.declaration.task.base import Task


@declared
@dataclass(frozen=True)
class Multiclass(Task):
    """Predict the probability of each of several classes; a label is the name of one."""

    kind: ClassVar[str] = "multiclass"
    label_type: ClassVar[str] = "string"
    main_metric: ClassVar[str] = "log_loss"

    classes: tuple[str, ...]
    """The values of the label, in order; with only two, declare `Binary`."""
    class_weights: tuple[float, ...] | None = None
    """How much a row of each class counts in the loss of the trees, in the order of `classes`; None: all the same.
    With weights, the probabilities are those of a population in which the classes are as frequent as weighted."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require(
            len(self.classes) >= 3,
            f"Multiclass: {len(self.classes)} classes are declared; declare at least 3.",
            field="classes",
            hint="With two classes, write Binary() and a label of 0 or 1.",
        )
        weights = self.class_weights
        require(
            weights is None or (len(weights) == len(self.classes) and all(0 < each < math.inf for each in weights)),
            f"Multiclass: class_weights={weights!r} must be {len(self.classes)} finite numbers above 0.",
            field="class_weights",
            hint="Write one weight for each class, in the order of classes.",
        )
        odd = [name for name in self.classes if not re.fullmatch(r"[A-Za-z0-9_ -]*", name)]
        require(
            not odd,
            f"Multiclass: the names of classes {odd} hold more than letters, digits, spaces, _ and -, which MLflow's"
            " names of metrics and the columns of predictions need.",
            field="classes",
            hint="Return other names in `labels`.",
        )
        require_columns(self.classes, "classes", "Multiclass: ")
        require_distinct_columns(self.classes, "classes", "Multiclass: ")

    @property
    def own_metrics(self) -> tuple[str, ...]:
        return ("log_loss", "macro_f1", "balanced_accuracy", "least_recall")

    @property
    def summaries(self) -> tuple[str, ...]:  # type: ignore[override]  # it depends on the classes
        return ("rows", *(f"recall:{name}" for name in self.classes))

    @property
    def own_headline(self) -> tuple[str, ...]:
        return ("log_loss", "macro_f1", "balanced_accuracy", "least_recall")

    @property
    def baselines(self) -> tuple[str, ...]:
        return ("prior", "logistic")

    @property
    def prediction_columns(self) -> Mapping[str, str]:
        return dict.fromkeys(map(self.column_of, self.classes), "float64") | {"predicted_class": "string"}

    @staticmethod
    def column_of(name: str) -> str:
        """Return the column with the probability of a class."""
        return f"probability_{name}"

    @property
    def outcomes(self) -> tuple[str, ...]:
        return self.classes

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.classes

    @property
    def score_scale(self) -> str:
        return "score of each class before the softmax"

    @property
    def main_column(self) -> str:
        return "predicted_class"

    @property
    def summary(self) -> str:
        return f"the probabilities of {', '.join(self.classes)}"

    @property
    def decision(self) -> str:
        return "the class with the greatest probability is predicted; no costs are declared."

    @property
    def not_monotone(self) -> str:
        return "a constraint of one class's score does not make its probability monotone"

    @property
    def mean_columns(self) -> Mapping[str, str]:
        return {}
