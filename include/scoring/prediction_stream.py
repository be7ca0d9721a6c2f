"""Turn a stream of features into predictions, and count what was predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake import schemas
from include.model.arrays import Numbers
from include.model.model import Model
from include.model.tasks import task_model
from include.scoring.score_errors import RowsLostError
from include.scoring.split import Arms, Split
from include.threads import threads_for
from include.validation.tallies import PredictionTally


class PredictionStream:
    """Predict rows of one period, and count what was predicted."""

    def __init__(
        self, use_case: UseCase, period: Period, model: Model, version: str, rows: int, split: Split | None = None
    ) -> None:
        """Begin without rows; `rows` is the number that is expected.

        With a `split`, another version predicts a share of them.
        """
        self._use_case, self._period, self._model, self._version = use_case, period, model, version
        self._expected, self._task = rows, task_model(use_case)
        self.tally = PredictionTally(self._task, model.encoding.features)
        self.rows = self.predicted_positives = self.tried_rows = 0
        self._split, self._arms = split, Arms(use_case, split.trial) if split is not None else None

    def batches(self, features: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the predictions of features in their order, a batch at a time.

        Raises:
            RowsLostError: there are not as many predictions as rows of features; then nothing may be written.
        """
        threads, keys = threads_for(self._expected), list(self._use_case.keys)
        schema = schemas.content_schema(self._use_case, "predictions")
        for batch in features:
            values, crossed, version = self._predict(batch, threads)
            self.tally.add(batch, values, crossed)
            predicted = self._task.prediction_arrays(values)
            self.predicted_positives += self._task.scored_positives(predicted)
            self.rows += batch.num_rows
            yield pa.record_batch([*(batch[key] for key in keys), *predicted, version], schema=schema)
        if self.rows != self._expected:
            raise RowsLostError(self._use_case.name, self._period, self._expected, self.rows)

    def _predict(self, batch: pa.RecordBatch, threads: int) -> tuple[Numbers, int, pa.Array]:
        """Return a batch's predictions, how many crossed, and the version of each row."""
        versions = pa.repeat(pa.scalar(self._version), batch.num_rows)
        in_trial = self._arms.of_trial(batch) if self._arms is not None and batch.num_rows else None
        if self._split is None or in_trial is None or not in_trial.any():
            made = self._model.predict_and_count(batch, threads)
            return made.values, made.crossed, versions
        self.tried_rows += int(in_trial.sum())
        other = self._split.model.predict_and_count(batch.filter(pa.array(in_trial)), threads)
        values = np.empty((batch.num_rows, *other.values.shape[1:]))
        values[in_trial] = other.values
        crossed = other.crossed
        if not in_trial.all():
            own = self._model.predict_and_count(batch.filter(pa.array(~in_trial)), threads)
            values[~in_trial] = own.values
            crossed += own.crossed
        return values, crossed, pc.if_else(pa.array(in_trial), pa.scalar(self._split.number), versions)
