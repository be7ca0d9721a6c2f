"""Predict a number, if declared with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.declaration.task import Regression
from include.model.arrays import Numbers
from include.model.baselines import Baseline
from include.model.encoding import Encoding
from include.model.metrics.regression import point_of
from include.model.prediction_intervals import Bounds, ConformalBounds, QuantileBounds
from include.model.regression_baselines import Constant, Linear, SeasonalNaive
from include.model.tasks.base import (
    FitQuantile,
    Parameter,
    PeriodIndex,
    SplitLabels,
    TaskModel,
)

if TYPE_CHECKING:
    from include.model.trainer import TrainingRows

_RULE = "return a number, and null if that is not known"
_LEAST: Mapping[str, float] = {"poisson": 0.0, "gamma": 0.0, "tweedie": 0.0}
"""Objective to the least possible label."""
_SCALES: Mapping[str, str] = {"poisson": "root", "gamma": "value", "tweedie": "value"}
"""Objective to what the errors of its predictions grow with."""


class RegressionModel(TaskModel[Regression]):
    """Compute what depends on a regression."""

    needs_variety = "with different labels"
    level = "mean_label"

    @property
    def loss_name(self) -> str:  # type: ignore[override]  # it depends on the objective
        return self.task.objective

    def describe_labels(self, labels: Numbers, name: str) -> SplitLabels:
        low, middle, high = np.quantile(labels, [0, 0.5, 1]).tolist()
        zeros = float(np.mean(labels == 0))
        text = f"{name} is {np.mean(labels):.4g} on average, from {low:.4g} to {high:.4g} with a median of {middle:.4g}"
        return SplitLabels(f"{text}; {zeros:.2%} of them are 0", low == high)

    def lightgbm_parameters(self) -> dict[str, Parameter]:
        objective = self.task.objective
        alpha: dict[str, Parameter] = {} if self.task.quantile is None else {"alpha": self.task.quantile}
        return {"objective": objective, "metric": objective, **alpha}

    def fit_baselines(
        self, encoding: Encoding, linear: Encoding, train: pa.Table, labels: Numbers
    ) -> dict[str, Baseline]:
        task = self.task
        quantile = 0.5 if task.objective == "l1" else task.quantile
        constant, line, *seasonal = task.baselines
        return {
            constant: Constant.fit(labels, quantile),
            line: Linear.fit(linear, train, labels, task.objective, quantile),
            **{name: SeasonalNaive.fit(task.seasonal_feature, task.season, train, labels) for name in seasonal},
        }

    def fit_bounds(
        self, booster: lightgbm.Booster, validation: pa.Table, labels: Numbers, fit: FitQuantile, threads: int
    ) -> Bounds | None:
        task = self.task
        if task.intervals is None:
            return None
        if task.interval_method == "quantile":
            lower, upper = (
                fit({"objective": "quantile", "metric": "quantile", "alpha": level}) for level in task.intervals
            )
            low, high = task.intervals
            return QuantileBounds(lower, upper, task.quantile is not None and low <= task.quantile <= high)
        point = np.asarray(booster.predict(validation, num_threads=threads), dtype=np.float64)
        scale, least = _SCALES.get(task.objective, "one"), _LEAST.get(task.objective, -math.inf)
        return ConformalBounds.fit(labels, point, task.intervals, scale=scale, least=least)

    def prediction_arrays(self, predictions: Numbers) -> list[pa.Array]:
        columns = predictions[:, None] if predictions.ndim == 1 else predictions
        return [pa.array(np.ascontiguousarray(column), pa.float64()) for column in columns.T]

    def output_rule(self) -> dict[str, Any]:
        return {"columns": list(self.task.prediction_columns)}

    @property
    def width(self) -> int:
        return len(self.task.prediction_columns)

    @property
    def sound_values(self) -> str:
        least = " of at least 0" if self.task.objective in _LEAST else ""
        return f"a finite number{least}{', with the ends of its interval in order' if self.width > 1 else ''}"

    def are_sound(self, predictions: Numbers) -> npt.NDArray[np.bool_]:
        columns = predictions[:, None] if predictions.ndim == 1 else predictions
        point = point_of(predictions)
        sound = np.isfinite(columns).all(axis=1) & (point >= _LEAST.get(self.task.objective, -math.inf))
        return np.asarray(sound & (columns[:, 1] <= columns[:, 2]) if self.width > 1 else sound)

    def changes(self, before: Numbers, after: Numbers) -> Numbers:
        return np.abs(point_of(after) - point_of(before))

    def describe_prediction(self, row: Mapping[str, Any]) -> str:
        interval = f", {row['lower']:.6g} to {row['upper']:.6g}" if "lower" in self.task.prediction_columns else ""
        return f"prediction {row['prediction']:.6g}{interval}"

    @property
    def order_column(self) -> str:
        return "prediction"

    def left_out(self, periods: PeriodIndex, labels: Numbers, predictions: Numbers) -> dict[str, Numbers]:
        """Return the metrics that are functions of sums over rows, with each day left out."""
        gap = point_of(predictions) - labels
        rows, square, gaps = (
            len(periods) - np.bincount(periods),
            _without(periods, np.square(gap)),
            _without(periods, gap),
        )
        found = {"rmse": np.sqrt(np.maximum(square, 0) / rows), "bias": np.abs(gaps) / rows}
        total = _without(periods, np.abs(labels))
        with np.errstate(divide="ignore", invalid="ignore"):
            found["wape"] = np.where(total > 0, _without(periods, np.abs(gap)) / total, np.nan)
        return found

    @property
    def level_title(self) -> str:
        return "mean {label}"

    def describe_level(self, measured: Mapping[str, float]) -> str:
        predicted, actual = measured.get("mean_value"), measured.get("mean_label")
        if predicted is None or actual is None:
            return ""
        unit = f" {self.task.unit}" if self.task.unit else ""
        return f"On average the model predicts {predicted:.4g}{unit}; the mean of the labels is {actual:.4g}{unit}."

    def plots(
        self,
        title: str,
        label: str,
        parts: Mapping[str, TrainingRows],
        predicted: Mapping[str, Mapping[str, Numbers]],
    ) -> dict[str, bytes]:
        from include.model import number_plots

        labels, on_test = parts["test"].labels, predicted["test"]
        return {
            "predicted_and_actual": number_plots.plot_predicted_and_actual(title, label, labels, on_test["model"]),
            "errors": number_plots.plot_errors(title, label, labels, on_test),
            "level_by_day": number_plots.plot_level_by_period(title, label, parts, predicted),
        }


def _without(periods: PeriodIndex, values: Numbers) -> Numbers:
    """Return the sum of the values without each day in turn."""
    sums: Numbers = np.sum(values) - np.bincount(periods, weights=values)
    return sums
