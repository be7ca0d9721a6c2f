"""Read the rows of a training and fit on them, where the use case declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake.snapshot import AsOfSnapshot
from include.model import splits, trainer
from include.model.arrays import Numbers
from include.model.lightgbm_params import Parameters
from include.model.model import Model
from include.model.splits import Splits
from include.model.tasks import task_model
from include.model.trainer import FittedModel, TrainingRows
from include.project import Project
from include.threads import threads_for
from include.training import dataset

Predicted = Mapping[str, Mapping[str, Numbers]]
"""Split to subject (model or baseline) to one prediction per row."""


class LoadedRows(Protocol):
    """The labelled rows of a training, where the engine holds them."""

    @property
    def cut(self) -> Splits:
        """The periods of each split."""

    @property
    def rows(self) -> int:
        """Labelled rows of the window, with those of the gaps."""

    @property
    def parts(self) -> Mapping[str, TrainingRows]:
        """Split to its rows; the features of `train` may be read column by column only."""

    def fit(self, parameters: Parameters) -> FittedModel:
        """Fit the model and its baselines."""

    def predict(self, model: Model) -> Predicted:
        """Return the predictions of all splits."""


@contextmanager
def load_rows(project: Project, view: AsOfSnapshot, first: Period, last: Period) -> Iterator[LoadedRows]:
    """Yield the rows of a training on features from `first` to `last`, split by time.

    With a declared engine, its workers hold the train rows until the block ends.

    Raises:
        NotReadyError: days or labels are missing or wrong.
    """
    if project.use_case.training.engine is None:
        yield load_into_process(project.use_case, view, first, last)
        return
    from include.training.on_dask.rows import load_into_workers

    with load_into_workers(project, view, first, last) as loaded:
        yield loaded


@dataclass(frozen=True)
class RowsInProcess:
    """The rows of a training in the memory of this process."""

    use_case: UseCase
    cut: Splits
    rows: int
    parts: Mapping[str, TrainingRows]

    def fit(self, parameters: Parameters) -> FittedModel:
        """Fit the model and its baselines."""
        use_case = self.use_case
        return trainer.fit_model(
            use_case.features,
            self.parts["train"],
            self.parts["validation"],
            parameters,
            threads_for(self.rows),
            task_model(use_case),
            use_case.training.baseline_features,
        )

    def predict(self, model: Model) -> Predicted:
        """Return the predictions of all splits."""
        threads = threads_for(sum(len(part.labels) for part in self.parts.values()))
        return {split: model.predict_all(part.inputs, threads) for split, part in self.parts.items()}


def load_into_process(use_case: UseCase, view: AsOfSnapshot, first: Period, last: Period) -> RowsInProcess:
    """Return the labelled rows of a window, split by time."""
    rows = dataset.labelled_rows(use_case, view, first, last)
    labelled = use_case.calendar.periods_of(rows["period"].unique().to_pylist())
    cut = splits.split_periods(use_case, view.period, first, labelled)
    parts = {name: dataset.split_rows(use_case, rows, periods, name, view.period) for name, periods in cut.items()}
    return RowsInProcess(use_case, cut, rows.num_rows, parts)
