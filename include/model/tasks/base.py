"""Define what depends on the task: labels, fitting, predictions, words and plots.

Each task is one class, found by `include.model.tasks.task_model`. Everything else calls these methods, and does not
know which task it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import lightgbm
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from include.declaration.task import Task
from include.model.arrays import Numbers
from include.model.baselines import Baseline
from include.model.encoding import Encoding
from include.model.prediction_intervals import Bounds

if TYPE_CHECKING:
    from include.model.trainer import TrainingRows

THRESHOLD = "threshold"
"""The part of a rule of predictions that a use case may change without a training."""
Declared = TypeVar("Declared", bound=Task)
Parameter = int | float | str | bool
PeriodIndex = npt.NDArray[np.int64]
"""The number of each row's day, from 0."""
FitQuantile = Callable[[Mapping[str, Parameter]], lightgbm.Booster]
"""Fits another model on the same rows, with these parameters of LightGBM changed."""


@dataclass(frozen=True)
class SplitLabels:
    """The labels of a part of the days, described for people."""

    text: str
    is_odd: bool
    """Whether they should be looked at, such as a very rare event."""


class TaskModel(ABC, Generic[Declared]):
    """Compute what depends on the task."""

    loss_name: ClassVar[str]
    """Name of the loss of each round of a training, without spaces."""

    def __init__(self, task: Declared) -> None:
        self.task = task

    # -- labels

    def encode_labels(self, column: pa.Array | pa.ChunkedArray) -> Numbers:
        """Return labels as numbers; null as NaN."""
        numbers: Numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return numbers

    def label_text(self, label: float) -> str:
        """Return an encoded label as text."""
        return f"{label:g}"

    needs_variety: ClassVar[str]
    """What the labels of the train days must hold, after "needs rows"."""

    @abstractmethod
    def describe_labels(self, labels: Numbers, name: str) -> SplitLabels:
        """Describe at least one encoded label of a column."""

    def class_weights(self, labels: Numbers) -> Numbers | None:
        """Return the declared weight of each label's class; None if there is none."""
        del labels
        return None

    # -- fitting

    @abstractmethod
    def lightgbm_parameters(self) -> dict[str, Parameter]:
        """Return the parameters of LightGBM that the task sets."""

    @abstractmethod
    def fit_baselines(
        self, encoding: Encoding, linear: Encoding, train: pa.Table, labels: Numbers
    ) -> dict[str, Baseline]:
        """Fit the baselines on encoded rows; `linear` has the features of the linear one."""

    def fit_bounds(
        self, booster: lightgbm.Booster, validation: pa.Table, labels: Numbers, fit: FitQuantile, threads: int
    ) -> Bounds | None:
        """Fit the intervals on encoded validation rows; None without intervals."""
        del booster, validation, labels, fit, threads
        return None

    # -- predictions

    @abstractmethod
    def prediction_arrays(self, predictions: Numbers) -> list[pa.Array]:
        """Return the stored columns, in the order of `Task.prediction_columns`."""

    @property
    def number_columns(self) -> tuple[str, ...]:
        """Return the stored columns that hold the numbers of a prediction, in order."""
        return tuple(name for name, kind in self.task.prediction_columns.items() if kind == "float64")

    def stack(self, columns: Sequence[Numbers]) -> Numbers:
        """Return predictions from the values of `number_columns`."""
        return columns[0] if len(columns) == 1 else np.column_stack(columns)

    def main_values(self, predictions: Numbers) -> pa.Array:
        """Return the values of `Task.main_column`."""
        place = list(self.task.prediction_columns).index(self.task.main_column)
        return self.prediction_arrays(predictions)[place]

    @property
    def main_words(self) -> tuple[str, ...] | None:
        """Return the possible values of `Task.main_column`; None for numbers."""
        return None

    def scored_positives(self, arrays: Sequence[pa.Array]) -> int:
        """Return how many predictions ask for an action; 0 without such a notion."""
        del arrays
        return 0

    @abstractmethod
    def output_rule(self) -> dict[str, Any]:
        """Return how `portable.py` makes the columns of a prediction, as plain values."""

    def misfit(self, rule: Mapping[str, Any]) -> str:
        """Return why a model with this stored rule makes other predictions; empty if it does not.

        The threshold of a decision may differ: it is applied when rows are scored.
        """
        own = {name: value for name, value in self.output_rule().items() if name != THRESHOLD}
        then = {name: value for name, value in rule.items() if name != THRESHOLD}
        return (
            "" if own == then else f"it predicts {_named_rule(then)}, and the use case now declares {_named_rule(own)}"
        )

    def run_params(self) -> dict[str, Parameter]:
        """Return the parameters of a run that follow from the task."""
        return {}

    @property
    @abstractmethod
    def width(self) -> int:
        """Return the number of numbers of a prediction."""

    @property
    @abstractmethod
    def sound_values(self) -> str:
        """Return what each prediction is, such as "a probability between 0 and 1"."""

    @abstractmethod
    def are_sound(self, predictions: Numbers) -> npt.NDArray[np.bool_]:
        """Return for each prediction whether it is in the range of the task."""

    def invalid_reason(self, predictions: Numbers, rows: int) -> str:
        """Return what is wrong with the predictions of `rows` rows; empty if nothing is."""
        if predictions.shape != ((rows,) if self.width == 1 else (rows, self.width)):
            return f"{rows} rows got answers of the shape {predictions.shape}"
        bad = predictions[~self.are_sound(predictions)]
        return f"{len(bad)} of {rows} answers are not {self.sound_values}, the first {bad[0]}" if len(bad) else ""

    @abstractmethod
    def changes(self, before: Numbers, after: Numbers) -> Numbers:
        """Return how far each row's prediction moved, at most `Task.largest_change`."""

    @abstractmethod
    def describe_prediction(self, row: Mapping[str, Any]) -> str:
        """Describe a stored prediction in a few words."""

    @property
    @abstractmethod
    def order_column(self) -> str:
        """Return the column of predictions by which the most important rows come first."""

    # -- metrics

    def left_out(self, periods: PeriodIndex, labels: Numbers, predictions: Numbers) -> dict[str, Numbers]:
        """Return metric to its values with each day left out, for some metrics."""
        del periods, labels, predictions
        return {}

    # -- words and plots

    @property
    @abstractmethod
    def level_title(self) -> str:
        """Return the title of the labels' level, where `{label}` is the label's name."""

    @abstractmethod
    def describe_level(self, measured: Mapping[str, float]) -> str:
        """Compare the predictions with the labels in a sentence; empty if unknown."""

    def chosen_outcomes(self, predictions: Numbers) -> Numbers:
        """Return the position in `Task.outcomes` that each prediction decides for; none for numbers."""
        return np.zeros(0, np.int64)

    level: ClassVar[str] = ""
    """The summary of rows that is the level of the labels; empty if there is none."""
    level_is_share: ClassVar[bool] = False

    @abstractmethod
    def plots(
        self,
        title: str,
        label: str,
        parts: Mapping[str, TrainingRows],
        predicted: Mapping[str, Mapping[str, Numbers]],
    ) -> dict[str, bytes]:
        """Return plots as PNG by file name; `predicted` is by split and subject."""


def _named_rule(rule: Mapping[str, Any]) -> str:
    """Describe the columns of a rule, and the classes in their order."""
    if "classes" in rule:
        return f"the classes {rule['classes']}"
    return f"the columns {rule['columns']}" if "columns" in rule else "the probability of an event"


def share_text(value: float | None) -> str:
    """Return a share as a percentage; – for None."""
    return "–" if value is None else f"{value:.1%}"
