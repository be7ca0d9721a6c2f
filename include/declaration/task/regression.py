"""Declare a task that predicts a number. Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from include.declaration.costs import OrderCosts
from include.declaration.field_types import require_field_types
from include.declaration.gates import require_one_of
from include.declaration.problems import declared, require
from include.declaration.span import OptionalSpan, Spanned
from include.declaration.task.base import Task, format_number

Objective = Literal["l2", "l1", "huber", "quantile", "poisson", "gamma", "tweedie"]
IntervalMethod = Literal["conformal", "quantile"]
Crossed = Literal["sort", "refuse"]
LOG_OBJECTIVES = ("poisson", "gamma", "tweedie")
"""Objectives whose score is the logarithm of the prediction."""


@declared
@dataclass(frozen=True)
class Regression(Task, Spanned):
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
    if_crossed: Crossed = "sort"
    """What scoring does where predicted quantiles cross, with interval_method="quantile": `sort` sorts and counts them,
    `refuse` stores no predictions of the period."""
    seasonal_feature: str | None = None
    """The feature with the label's value one season earlier, such as a week; it is a baseline then."""
    season: OptionalSpan = OptionalSpan(None)
    """Or: the span after which labels repeat, such as 7 days; the label of the same keys one season
    earlier is a baseline then."""
    unit: str = ""
    """The unit of the label in texts, such as `minutes`."""
    costs: OrderCosts | None = None
    """Costs of a decision: the prediction is ordered, and the label is what was needed."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require_one_of(self.objective, get_args(Objective), "Regression: objective=")
        require_one_of(self.interval_method, get_args(IntervalMethod), "Regression: interval_method=")
        require_one_of(self.if_crossed, get_args(Crossed), "Regression: if_crossed=")
        require(
            self.if_crossed == "sort" or self.has_quantiles,
            f'Regression: if_crossed={self.if_crossed!r} belongs to intervals with interval_method="quantile".',
            field="if_crossed",
            hint="Leave it out: conformal intervals never cross.",
        )
        needs_one = self.objective == "quantile"
        require(
            (self.quantile is not None) == needs_one,
            'Regression: quantile belongs to objective="quantile", and that needs it.',
            field="quantile",
            hint="Write quantile=0.5 for the median." if needs_one else 'Write objective="quantile", or leave it out.',
        )
        possible = self.quantile is None or 0 < self.quantile < 1
        require(possible, "Regression: quantile must be above 0 and below 1.", field="quantile")
        self.check_counted_spans()
        require(
            self.season is None or self.seasonal_feature is None,
            "Regression: season and seasonal_feature are two ways to declare one baseline.",
            field="season",
            hint="Leave one of them out.",
        )
        if self.intervals is not None:
            low, high = self.intervals
            require(
                0 < low < high < 1,
                f"Regression: intervals={self.intervals!r} must be two quantiles between 0 and 1, the lower first.",
                field="intervals",
                hint="Write intervals=(0.1, 0.9) for an interval of 80 %.",
            )

    def check_spans(self) -> None:
        """Report a season below 1 period."""
        require(self.season is None or self.season >= 1, "Regression: season must be at least 1.", field="season")

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
    def own_headline(self) -> tuple[str, ...]:
        rest = (name for name in ("mae", "rmse", "wape", "coverage", "order_cost") if name in self.own_metrics)
        return tuple(dict.fromkeys((self.main_metric, *rest)))

    @property
    def charted(self) -> tuple[str, ...]:
        return (self.main_metric, "coverage", *self._custom_names) if self.intervals else super().charted

    @property
    def baselines(self) -> tuple[str, ...]:
        constant = {"l1": "median", "quantile": "quantile"}.get(self.objective, "mean")
        return (constant, "linear", *(("seasonal_naive",) if self.seasonal_feature or self.season else ()))

    @property
    def prediction_columns(self) -> Mapping[str, str]:
        return dict.fromkeys(("prediction", *(("lower", "upper") if self.intervals else ())), "float64")

    @property
    def score_scale(self) -> str:
        unit = self.unit or "the unit of the label"
        return f"logarithm of {unit}" if self.objective in LOG_OBJECTIVES else unit

    @property
    def main_column(self) -> str:
        return "prediction"

    @property
    def summary(self) -> str:
        point = (
            f"the {self.quantile:g} quantile" if self.quantile is not None else f"a number, objective {self.objective}"
        )
        unit = f", in {self.unit}" if self.unit else ""
        if self.intervals is None:
            return f"{point}{unit}"
        low, high = self.intervals
        kind = {"conformal": "split-conformal", "quantile": "one model per end"}[self.interval_method]
        return f"{point}{unit}, with an interval from the {low:g} to the {high:g} quantile ({kind})"

    @property
    def decision(self) -> str:
        costs = self.costs
        if costs is None:
            return "no decision is declared."
        under, over = format_number(costs.under), format_number(costs.over)
        return (
            f"the predicted quantity is ordered. A missing unit costs {under} {costs.unit}, a unit too many {over}; the"
            f" {costs.quantile:.3g} quantile minimises the expected cost (Arrow et al. 1951)."
        )

    @property
    def mean_columns(self) -> Mapping[str, str]:
        return {"mean_value": "prediction"}

    def season_lag(self, label_delay_periods: int) -> int | None:
        """Return the smallest multiple of the season whose labels are known in time."""
        return None if self.season is None else self.season * max(1, math.ceil(label_delay_periods / self.season))

    @property
    def features_read(self) -> tuple[str, ...]:
        return (self.seasonal_feature,) if self.seasonal_feature else ()

    @property
    def has_quantiles(self) -> bool:
        return self.intervals is not None and self.interval_method == "quantile"

    @property
    def refuses_crossed(self) -> bool:
        return self.if_crossed == "refuse"

    @property
    def label_unit(self) -> str:
        return self.unit

    @property
    def cost_unit(self) -> str:
        return self.costs.unit if self.costs else ""

    @property
    def cost_metric(self) -> str:
        return "order_cost" if self.costs else ""

    def training_values(self) -> dict[str, object]:
        return {"task": {name: value for name, value in self.to_json().items() if name not in ("unit", "if_crossed")}}

    @property
    def not_monotone(self) -> str:
        unfit = self.objective in ("l1", "quantile") or self.has_quantiles
        return "LightGBM cannot constrain l1 and quantile models" if unfit else ""

    @property
    def largest_change(self) -> float:
        return math.inf

    @property
    def change_unit(self) -> str:
        return "prediction"
