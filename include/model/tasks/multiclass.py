"""Predict which of several classes comes true: one probability per class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.task import Multiclass
from include.model.arrays import Numbers
from include.model.baselines import Baseline
from include.model.class_baselines import ClassLogistic, ClassPrior
from include.model.encoding import Encoding
from include.model.tasks.base import Parameter, SplitLabels, TaskModel

if TYPE_CHECKING:
    from include.model.trainer import TrainingRows

_VALUES_NAMED = 5
_RARE = 0.01
_SUM_ERROR = 1e-6
"""Largest error of the sum of a row's probabilities."""


class MulticlassModel(TaskModel[Multiclass]):
    """Compute what depends on a task of several classes."""

    loss_name = "log_loss"
    needs_variety = "of at least two classes"

    def encode_labels(self, column: pa.Array | pa.ChunkedArray) -> Numbers:
        """Return the index of each class; null as NaN. Numbers are indices already."""
        if pa.types.is_floating(column.type):
            return super().encode_labels(column)
        return super().encode_labels(pc.index_in(column, value_set=pa.array(self.task.classes, pa.string())))

    def label_text(self, label: float) -> str:
        return self.task.classes[int(label)]

    def describe_labels(self, labels: Numbers, name: str) -> SplitLabels:
        counts = np.bincount(labels.astype(np.int64), minlength=len(self.task.classes))
        shares = dict(zip(self.task.classes, (counts / counts.sum()).tolist(), strict=True))
        listed = ", ".join(f"{share:.2%} {each}" for each, share in shares.items())
        return SplitLabels(f"{name} is {listed}", min(shares.values()) < _RARE)

    def chosen_outcomes(self, predictions: Numbers) -> Numbers:
        chosen: Numbers = np.argmax(predictions, axis=1)
        return chosen

    def class_weights(self, labels: Numbers) -> Numbers | None:
        weights = self.task.class_weights
        return None if weights is None else np.array(weights)[labels.astype(np.int64)]

    def lightgbm_parameters(self) -> dict[str, Parameter]:
        return {"objective": "multiclass", "metric": "multi_logloss", "num_class": len(self.task.classes)}

    def fit_baselines(
        self, encoding: Encoding, linear: Encoding, train: pa.Table, labels: Numbers
    ) -> dict[str, Baseline]:
        classes = len(self.task.classes)
        return {
            "prior": ClassPrior.fit(labels, classes),
            "logistic": ClassLogistic.fit(linear, train, labels, classes),
        }

    def prediction_arrays(self, predictions: Numbers) -> list[pa.Array]:
        columns = [pa.array(np.ascontiguousarray(column), pa.float64()) for column in predictions.T]
        chosen = np.argmax(predictions, axis=1) if len(predictions) else np.empty(0, np.int64)
        return [*columns, pa.array(self.task.classes, pa.string()).take(pa.array(chosen))]

    @property
    def main_words(self) -> tuple[str, ...]:
        return self.task.classes

    def output_rule(self) -> dict[str, Any]:
        return {"columns": list(self.task.prediction_columns)[:-1], "classes": list(self.task.classes)}

    sound_values = "a probability of each class that sum to 1"

    @property
    def width(self) -> int:
        return len(self.task.classes)

    def are_sound(self, predictions: Numbers) -> npt.NDArray[np.bool_]:
        in_range = ((predictions >= 0) & (predictions <= 1)).all(axis=1)
        return np.asarray(in_range & (np.abs(predictions.sum(axis=1) - 1) < _SUM_ERROR))

    def changes(self, before: Numbers, after: Numbers) -> Numbers:
        """Return the total variation distance: half the sum of the absolute changes."""
        return np.asarray(np.abs(after - before).sum(axis=1) / 2)

    def describe_prediction(self, row: Mapping[str, Any]) -> str:
        chosen = row["predicted_class"]
        return f"predicted class {chosen}, probability {row[self.task.column_of(chosen)]:.4f}"

    @property
    def order_column(self) -> str:
        return self.task.column_of(self.task.classes[-1])

    @property
    def level_title(self) -> str:
        return ""

    def describe_level(self, measured: Mapping[str, float]) -> str:
        recalls = {name: measured.get(f"recall:{name}") for name in self.task.classes}
        listed = [f"{share:.1%} of {name}" for name, share in recalls.items() if share is not None]
        return f"The predicted class is right for {', '.join(listed)}." if listed else ""

    def plots(
        self,
        title: str,
        label: str,
        parts: Mapping[str, TrainingRows],
        predicted: Mapping[str, Mapping[str, Numbers]],
    ) -> dict[str, bytes]:
        from include.model import class_plots

        classes, labels, on_test = self.task.classes, parts["test"].labels, predicted["test"]
        return {
            "confusion": class_plots.plot_class_confusion(title, labels, on_test["model"], classes),
            "calibration": class_plots.plot_class_calibration(title, labels, on_test["model"], classes),
            "shares_by_day": class_plots.plot_shares_by_period(title, label, parts, predicted, classes),
        }
