"""Measure how corrupting one feature at a time changes the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.column_types import CATEGORY
from include.declaration.task import Task
from include.evaluation.inputs import CorruptionResult
from include.model.arrays import Numbers
from include.model.encoding import Encoding
from include.model.model import Model
from include.model.tasks import task_model
from include.model.tasks.base import TaskModel

MOST_ROWS = 500
FAR = 10
"""Distance of an outlier from the sample's extremes, as a multiple of the sample's range."""


class SampleEmptyError(ValueError):
    """There are no rows on which robustness can be measured."""

    def __init__(self) -> None:
        super().__init__("Robustness is measured on at least one row; none were given. Choose periods that have rows.")


def corrupt_features(model: Model, rows: pa.Table, declared: Task) -> tuple[CorruptionResult, ...]:
    """Corrupt each feature of a sample in each way of its type, and predict with it.

    `rows` hold the stored features (other columns are ignored); of more than 500, evenly spaced ones are used. Every
    feature is `nulled`; a category also becomes `a new category`, which is in no train row, and a number `far above`
    and `far below`: ten times the sample's range beyond its extremes, or the limit of its type, such as 127 of an int8.
    A bool is only nulled, since both of its values are ordinary input. If the model fails or returns no prediction, the
    greatest possible change is recorded.

    Raises:
        SampleEmptyError: there are no rows.
    """
    if not rows.num_rows:
        raise SampleEmptyError
    places = np.linspace(0, rows.num_rows - 1, min(rows.num_rows, MOST_ROWS)).astype(np.int64)
    sample = rows.select(list(model.encoding.features)).take(places).combine_chunks()
    usual, task = model.predict(sample), task_model(declared)
    return tuple(
        _perturbed(model, task, sample, usual, feature, kind, bad)
        for feature in model.encoding.features
        for kind, bad in _bad_values(model.encoding, feature, sample[feature]).items()
    )


def _perturbed(
    model: Model, task: TaskModel[Any], sample: pa.Table, usual: Numbers, feature: str, kind: str, bad: pa.Scalar
) -> CorruptionResult:
    place, column = sample.schema.get_field_index(feature), pa.repeat(bad, sample.num_rows)
    worst = task.task.largest_change
    value = "null" if bad.as_py() is None else repr(bad.as_py())
    try:
        answers = np.asarray(model.predict(sample.set_column(place, feature, column)), dtype=np.float64)
    except Exception as error:  # any error is a result of the check
        return CorruptionResult(feature, kind, worst, f"With {value} it raised {type(error).__name__}: {error}")
    wrong = task.invalid_reason(answers, sample.num_rows)
    if wrong:
        return CorruptionResult(feature, kind, worst, f"With {value} {wrong}.")
    return CorruptionResult(feature, kind, float(np.mean(task.changes(usual, answers))))


def _bad_values(encoding: Encoding, feature: str, column: pa.ChunkedArray) -> dict[str, pa.Scalar]:
    """Return each kind of corruption of a feature with its value."""
    nulled = {"nulled": pa.scalar(None, column.type)}
    if encoding.features[feature] == CATEGORY:
        known = {*encoding.vocabulary[feature], *pc.unique(column).to_pylist()}
        strange = "never seen"
        while strange in known:
            strange += "!"
        return nulled | {"a new category": pa.scalar(strange, column.type)}
    if pa.types.is_boolean(column.type):
        return nulled
    below, above = _far(column)
    return nulled | {"far above": pa.scalar(above, column.type), "far below": pa.scalar(below, column.type)}


def _far(column: pa.ChunkedArray) -> tuple[float, float]:
    """Return numbers far below and far above those of the column, within its type."""
    whole = pa.types.is_integer(column.type)
    numpy_type = column.type.to_pandas_dtype()
    limits = np.iinfo(numpy_type) if whole else np.finfo(numpy_type)
    least, most = pc.min_max(column).as_py().values()
    if least is None:
        least = most = 0
    reach = FAR * ((most - least) or max(abs(most), 1))
    lowest, highest = (int(limits.min), int(limits.max)) if whole else (float(limits.min), float(limits.max))
    return max(least - reach, lowest), min(most + reach, highest)
