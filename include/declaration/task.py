"""Declare what a use case predicts: an event, a number, or one of some classes.

Other modules read the properties of `Task`, and what is computed comes from `include.model.tasks`. Nothing else depends
on which task it is. Imports nothing heavy.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, get_args

from include.declaration.costs import DecisionCosts, OrderCosts
from include.declaration.custom_metric import CustomMetric
from include.declaration.field_types import require_field_types
from include.declaration.gates import require_one_of
from include.declaration.names import require_columns, require_distinct_columns
from include.declaration.problems import declared, require

Objective = Literal["l2", "l1", "huber", "quantile", "poisson", "gamma", "tweedie"]
IntervalMethod = Literal["conformal", "quantile"]


@dataclass(frozen=True)
class Task(ABC):
    """What is predicted, with the names that follow from it."""

    kind: ClassVar[str]
    """Its name in records."""
    label_type: ClassVar[str]
    """Type of the label's column in the lake."""
    main_metric: ClassVar[str]
    """The metric that defaults of gates and limits use, a mean over rows that is better when lower."""
    summaries: ClassVar[tuple[str, ...]] = ("rows",)
    """Names of the descriptions of rows that are recorded with the metrics."""

    custom_metrics: tuple[CustomMetric, ...] = field(default=(), kw_only=True)
    """Metrics of one's own, in addition to those of the task."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names of its evaluation metrics, in display order."""
        return (*self.own_metrics, *(metric.name for metric in self.custom_metrics))

    @property
    @abstractmethod
    def own_metrics(self) -> tuple[str, ...]:
        """Return the names of the metrics that every such task has."""

    @property
    @abstractmethod
    def headline(self) -> tuple[str, ...]:
        """Return the names of the metrics that short tables show, in order."""

    @property
    def charted(self) -> tuple[str, ...]:
        """Return the names of the metrics that have a chart on the page."""
        return self.headline[:2]

    @property
    @abstractmethod
    def baselines(self) -> tuple[str, ...]:
        """Return the names of its baselines, the simplest first."""

    @property
    @abstractmethod
    def prediction_columns(self) -> Mapping[str, str]:
        """Return the columns of a prediction with their types, in order."""

    @property
    @abstractmethod
    def main_column(self) -> str:
        """Return the column whose distribution is compared with that of the training."""

    @property
    @abstractmethod
    def mean_columns(self) -> Mapping[str, str]:
        """Return monitored metric to the column of predictions that it is the mean of."""

    @property
    @abstractmethod
    def decision(self) -> str:
        """Say what a prediction decides, as text without line breaks."""

    @property
    def features_read(self) -> tuple[str, ...]:
        """Return the features that the task itself names."""
        return ()

    @property
    def not_monotone(self) -> str:
        """Return why the prediction cannot be monotone in a feature; empty if it can."""
        return ""

    @property
    def cost_unit(self) -> str:
        """Return the unit of the declared costs; empty without costs."""
        return ""

    @property
    def cost_metric(self) -> str:
        """Return the metric of the declared costs; empty without costs."""
        return ""

    @property
    def largest_change(self) -> float:
        """Return the largest possible change of a prediction, in its unit."""
        return 1.0

    @property
    def change_unit(self) -> str:
        """Return the noun for a prediction in texts about its changes."""
        return "probability"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `task_from_json` makes an equal task.

        Custom metrics are left out: they are functions.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "custom_metrics"}
        return {
            "kind": self.kind,
            **{n: asdict(v) if isinstance(v, DecisionCosts | OrderCosts) else v for n, v in values.items()},
        }

    def training_values(self) -> dict[str, object]:
        """Return the declared values that affect a training."""
        return {"task": self.to_json()}


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
    def headline(self) -> tuple[str, ...]:
        return tuple(name for name in ("log_loss", "auc", "brier", "expected_cost") if name in self.metrics)

    @property
    def baselines(self) -> tuple[str, ...]:
        return ("prior", "logistic")

    @property
    def prediction_columns(self) -> Mapping[str, str]:
        return {"probability": "float64", "predicted_positive": "bool"}

    @property
    def main_column(self) -> str:
        return "probability"

    @property
    def decision(self) -> str:
        costs = self.costs
        if costs is None:
            return "positive from a probability of 0.5 on; no costs are declared."
        positive, negative = _number(costs.false_positive), _number(costs.false_negative)
        return (
            f"positive from a probability of {_number(costs.threshold)} on. A false negative costs {negative}"
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


@declared
@dataclass(frozen=True)
class Regression(Task):
    """Predict a number and, if declared, an interval."""

    kind: ClassVar[str] = "regression"
    label_type: ClassVar[str] = "float64"
    summaries: ClassVar[tuple[str, ...]] = ("rows", "mean_label", "mean_value")

    objective: Objective = "l2"
    """What the model minimises: see https://lightgbm.readthedocs.io/en/stable/Parameters.html#objective."""
    quantile: float | None = None
    """The predicted quantile, with objective="quantile"."""
    intervals: tuple[float, float] | None = None
    """The quantiles between which a label lies, such as (0.1, 0.9); None: no interval is predicted."""
    interval_method: IntervalMethod = "conformal"
    """`conformal`: the prediction plus the quantiles of its errors on the validation days; `quantile`: one more model
    per end."""
    seasonal_feature: str | None = None
    """The feature with the label's value one season earlier, such as a week; it is a baseline then."""
    costs: OrderCosts | None = None
    """Costs of a decision: the prediction is ordered, and the label is what was needed."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require_one_of(self.objective, get_args(Objective), "Regression: objective=")
        require_one_of(self.interval_method, get_args(IntervalMethod), "Regression: interval_method=")
        needs_one = self.objective == "quantile"
        require(
            (self.quantile is not None) == needs_one,
            'Regression: quantile belongs to objective="quantile", and that needs it.',
            field="quantile",
            hint="Write quantile=0.5 for the median." if needs_one else 'Write objective="quantile", or leave it out.',
        )
        possible = self.quantile is None or 0 < self.quantile < 1
        require(possible, "Regression: quantile must be above 0 and below 1.", field="quantile")
        if self.intervals is not None:
            low, high = self.intervals
            require(
                0 < low < high < 1,
                f"Regression: intervals={self.intervals!r} must be two quantiles between 0 and 1, the lower first.",
                field="intervals",
                hint="Write intervals=(0.1, 0.9) for an interval of 80 %.",
            )

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it depends on the objective
        return {"l1": "mae", "quantile": "pinball_loss", "poisson": "poisson_deviance", "gamma": "gamma_deviance"}.get(
            self.objective, "mse"
        )

    @property
    def own_metrics(self) -> tuple[str, ...]:
        deviance = {"poisson": ("poisson_deviance",), "gamma": ("gamma_deviance",)}.get(self.objective, ())
        quantiles = () if self.quantile is None else ("pinball_loss",)
        interval = ("interval_pinball", "coverage", "coverage_error", "interval_width") if self.intervals else ()
        cost = ("order_cost",) if self.costs else ()
        return (*deviance, "mae", "mse", "rmse", "wape", "bias", "r2", *quantiles, *interval, *cost)

    @property
    def headline(self) -> tuple[str, ...]:
        rest = (name for name in ("mae", "rmse", "wape", "coverage", "order_cost") if name in self.metrics)
        return tuple(dict.fromkeys((self.main_metric, *rest)))

    @property
    def charted(self) -> tuple[str, ...]:
        return (self.main_metric, "coverage") if self.intervals else self.headline[:2]

    @property
    def baselines(self) -> tuple[str, ...]:
        constant = {"l1": "median", "quantile": "quantile"}.get(self.objective, "mean")
        return (constant, "linear", *(("seasonal_naive",) if self.seasonal_feature else ()))

    @property
    def prediction_columns(self) -> Mapping[str, str]:
        return dict.fromkeys(("prediction", *(("lower", "upper") if self.intervals else ())), "float64")

    @property
    def main_column(self) -> str:
        return "prediction"

    @property
    def decision(self) -> str:
        costs = self.costs
        if costs is None:
            return "no decision is declared."
        return (
            f"the predicted quantity is ordered. A missing unit costs {_number(costs.under)} {costs.unit}, a unit too"
            f" many {_number(costs.over)}; the {costs.quantile:.3g} quantile minimises the expected cost (Arrow et al."
            " 1951)."
        )

    @property
    def mean_columns(self) -> Mapping[str, str]:
        return {"mean_value": "prediction"}

    @property
    def features_read(self) -> tuple[str, ...]:
        return (self.seasonal_feature,) if self.seasonal_feature else ()

    @property
    def cost_unit(self) -> str:
        return self.costs.unit if self.costs else ""

    @property
    def cost_metric(self) -> str:
        return "order_cost" if self.costs else ""

    @property
    def not_monotone(self) -> str:
        unfit = self.objective in ("l1", "quantile") or (self.intervals and self.interval_method == "quantile")
        return "LightGBM cannot constrain l1 and quantile models" if unfit else ""

    @property
    def largest_change(self) -> float:
        return math.inf

    @property
    def change_unit(self) -> str:
        return "prediction"


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
    def headline(self) -> tuple[str, ...]:
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
    def main_column(self) -> str:
        return "predicted_class"

    @property
    def decision(self) -> str:
        return "the class with the greatest probability is predicted; no costs are declared."

    @property
    def not_monotone(self) -> str:
        return "a constraint of one class's score does not make its probability monotone"

    @property
    def mean_columns(self) -> Mapping[str, str]:
        return {}


def _number(value: float) -> str:
    """Return a number to four significant digits, whole numbers in full."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


TASKS: Mapping[str, type[Task]] = {task.kind: task for task in (Binary, Regression, Multiclass)}
"""Name in records to the kind of task."""
_COSTS: Mapping[str, type] = {"binary": DecisionCosts, "regression": OrderCosts}


def task_from_json(values: Mapping[str, Any]) -> Task:
    """Return the task from the values of `Task.to_json`.

    Raises:
        KeyError, TypeError, ValueError: the values are not a task's.
    """
    given: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
    kind: str = given.pop("kind")
    if given.get("costs") is not None:
        given["costs"] = _COSTS[kind](**given["costs"])
    return TASKS[kind](**given)
