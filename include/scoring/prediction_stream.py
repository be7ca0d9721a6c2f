"""Turn a stream of features into predictions, and count what was predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.lake import schemas
from include.model.model import Model
from include.model.tasks import task_model
from include.scoring.score_errors import RowsLostError
from include.threads import threads_for
from include.validation.tallies import PredictionTally


class PredictionStream:
    """Predict rows of one period, and count what was predicted."""

    def __init__(self, use_case: UseCase, period: Period, model: Model, version: str, rows: int) -> None:
        """Begin without rows; `rows` is the number that is expected."""
        self._use_case, self._period, self._model, self._version = use_case, period, model, version
        self._expected, self._task = rows, task_model(use_case)
        self.tally = PredictionTally(self._task, model.encoding.features)
        self.rows = self.predicted_positives = 0

    def batches(self, features: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the predictions of features in their order, a batch at a time.

        Raises:
            RowsLostError: there are not as many predictions as rows of features; then nothing may be written.
        """
        threads, keys = threads_for(self._expected), list(self._use_case.keys)
        schema = schemas.content_schema(self._use_case, "predictions")
        for batch in features:
            made = self._model.predict_and_count(batch, threads)
            self.tally.add(batch, made.values, made.crossed)
            predicted = self._task.prediction_arrays(made.values)
            self.predicted_positives += self._task.scored_positives(predicted)
            self.rows += batch.num_rows
            version = pa.repeat(pa.scalar(self._version), batch.num_rows)
            yield pa.record_batch([*(batch[key] for key in keys), *predicted, version], schema=schema)
        if self.rows != self._expected:
            raise RowsLostError(self._use_case.name, self._period, self._expected, self.rows)
