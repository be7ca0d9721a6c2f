"""Predict whether an event happens: labels 0 or 1, and one probability per row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.task import Binary
from include.model.arrays import Numbers
from include.model.baselines import Baseline, Logistic, Prior
from include.model.encoding import Encoding
from include.model.metrics.binary import BINS
from include.model.tasks.base import (
    THRESHOLD,
    Parameter,
    PeriodIndex,
    SplitLabels,
    TaskModel,
    share_text,
)

if TYPE_CHECKING:
    from include.model.trainer import TrainingRows

_VALUES_NAMED = 5
_RULE = "return 1 if the predicted event happened, 0 if it did not, and null if that is not known"
_RARE = 0.01


class BinaryModel(TaskModel[Binary]):
    """Compute what depends on a binary task."""

    loss_name = "log_loss"
    needs_variety = "of both classes"

    def chosen_outcomes(self, predictions: Numbers) -> Numbers:
        chosen: Numbers = (predictions >= self.task.threshold).astype(np.int64)
        return chosen

    level = "base_rate"
    level_is_share = True

    def describe_labels(self, labels: Numbers, name: str) -> SplitLabels:
        share = float(np.mean(labels))
        return SplitLabels(f"{share:.2%} of them have {name} = 1", not _RARE <= share <= 1 - _RARE)

    def lightgbm_parameters(self) -> dict[str, Parameter]:
        return {"objective": "binary", "metric": "binary_logloss"}

    def fit_baselines(
        self, encoding: Encoding, linear: Encoding, train: pa.Table, labels: Numbers
    ) -> dict[str, Baseline]:
        return {"prior": Prior.fit(labels), "logistic": Logistic.fit(linear, train, labels)}

    def prediction_arrays(self, predictions: Numbers) -> list[pa.Array]:
        probability = pa.array(predictions, pa.float64())
        return [probability, pc.greater_equal(probability, self.task.threshold)]

    def scored_positives(self, arrays: Sequence[pa.Array]) -> int:
        return pc.sum(arrays[1]).as_py() or 0

    def output_rule(self) -> dict[str, Any]:
        return {THRESHOLD: self.task.threshold}

    def run_params(self) -> dict[str, Parameter]:
        return {"threshold": self.task.threshold}

    width = 1
    sound_values = "a probability between 0 and 1"

    def are_sound(self, predictions: Numbers) -> npt.NDArray[np.bool_]:
        return (predictions >= 0) & (predictions <= 1)  # NaN is neither

    def changes(self, before: Numbers, after: Numbers) -> Numbers:
        return np.abs(after - before)

    def describe_prediction(self, row: Mapping[str, Any]) -> str:
        flag = "predicted positive" if row["predicted_positive"] else "predicted negative"
        return f"probability {row['probability']:.4f}, {flag}"

    @property
    def order_column(self) -> str:
        return "probability"

    def left_out(self, periods: PeriodIndex, labels: Numbers, predictions: Numbers) -> dict[str, Numbers]:
        """Return calibration, AUC and average precision with each day left out."""
        rows = len(periods) - np.bincount(periods)
        gap = predictions - labels
        found = {"mean_error": np.abs(np.sum(gap) - np.bincount(periods, weights=gap)) / rows}
        bins = np.minimum((predictions * BINS).astype(np.int64), BINS - 1)
        by_day = np.bincount(periods * BINS + bins, weights=gap, minlength=len(rows) * BINS).reshape(-1, BINS)
        # |share - mean prediction| of a bin, weighted by its rows, is the absolute sum of its gaps.
        found["ece"] = np.sum(np.abs(by_day.sum(axis=0) - by_day), axis=1) / rows
        return found | _rank_metrics(periods, labels, predictions)

    @property
    def level_title(self) -> str:
        return "{label} = 1"

    def describe_level(self, measured: Mapping[str, float]) -> str:
        predicted, actual = (share_text(measured.get(name)) for name in ("mean_prediction", "base_rate"))
        return f"On average the model predicts {predicted}; {actual} of the rows were positive."

    def plots(
        self,
        title: str,
        label: str,
        parts: Mapping[str, TrainingRows],
        predicted: Mapping[str, Mapping[str, Numbers]],
    ) -> dict[str, bytes]:
        from include.model import plots

        labels, on_test = parts["test"].labels, predicted["test"]
        return {
            "roc_and_precision_recall": plots.plot_roc_and_precision_recall(title, labels, on_test),
            "calibration": plots.plot_calibration(title, labels, on_test),
            "confusion": plots.plot_confusion(title, labels, on_test["model"], self.task.threshold, label),
            "rate_by_day": plots.plot_rate_by_period(title, label, parts, predicted),
        }


def _rank_metrics(periods: PeriodIndex, labels: Numbers, probabilities: Numbers) -> dict[str, Numbers]:
    """Compute AUC and average precision with each day left out, from one sort.

    Values are NaN where a metric is undefined.
    """
    distinct, rank = np.unique(-probabilities, return_inverse=True)
    order = np.argsort(periods, kind="stable")
    ends = np.cumsum(np.bincount(periods))
    every, positive = np.bincount(rank), np.bincount(rank, weights=labels)
    found: dict[str, list[float]] = {"auc": [], "average_precision": []}
    for own in np.split(order, ends[:-1]):
        rows = every - np.bincount(rank[own], minlength=len(distinct))
        positives = positive - np.bincount(rank[own], weights=labels[own], minlength=len(distinct))
        area, precision = _areas(rows[rows > 0].astype(np.float64), positives[rows > 0].astype(np.float64))
        found["auc"].append(area)
        found["average_precision"].append(precision)
    return {metric: np.array(values) for metric, values in found.items()}


def _areas(rows: Numbers, positives: Numbers) -> tuple[float, float]:
    """Return AUC and average precision, from counts per distinct probability.

    The highest probability comes first.
    """
    above = np.cumsum(positives)
    all_positives, all_negatives = float(above[-1]), float(np.sum(rows) - above[-1])
    if not (all_positives and all_negatives):
        return math.nan, math.nan
    precision = float(positives @ (above / np.cumsum(rows))) / all_positives
    return float((rows - positives) @ (above - positives / 2)) / (all_positives * all_negatives), precision
