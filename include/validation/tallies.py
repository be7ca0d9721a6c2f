"""Judge features and predictions by the default expectations, batch by batch.

Memory does not grow with the number of rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.suite import FeatureSuite, PredictionSuite, Suite
from include.model.arrays import Numbers
from include.model.tasks.base import TaskModel
from include.validation.errors import BrokenExpectation

MIN_ROWS = 100
"""Least rows of a period whose features or predictions may not all be equal: a few rows may be equal by chance."""


class Tally(ABC):
    """What was counted in the rows of one period."""

    @abstractmethod
    def broken(self, suite: Suite) -> list[BrokenExpectation]:
        """Return the default expectations that are broken and not excepted by `suite`."""


class FeatureTally(Tally):
    """Find features that are null or have one value in all rows."""

    def __init__(self, features: Iterable[str], *, has_look_back: bool) -> None:
        """Begin without rows.

        `has_look_back` is whether the period has all periods of its look-back: before, trailing features may be null.
        """
        self._columns = {name: _Column() for name in features}
        self._has_look_back = has_look_back
        self._rows = 0

    def counted(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches, and count them."""
        for batch in batches:
            self._rows += batch.num_rows
            for name, column in self._columns.items():
                column.add(batch[name])
            yield batch

    def broken(self, suite: Suite) -> list[BrokenExpectation]:
        if self._rows < MIN_ROWS or not self._has_look_back:
            return []
        exceptions = suite if isinstance(suite, FeatureSuite) else FeatureSuite()
        found = []
        for name, column in self._columns.items():
            if column.is_null and name not in exceptions.may_be_null:
                observed = f"it is null in all {self._rows:,} rows"
                found.append(_of_feature(name, "must not be null in every row", observed, "may_be_null"))
            elif column.is_constant and name not in exceptions.may_be_constant:
                observed = f"it is {column.value!r:.80} in all {self._rows:,} rows"
                found.append(_of_feature(name, "must have more than one value", observed, "may_be_constant"))
        return found


def _of_feature(name: str, rule: str, observed: str, field: str) -> BrokenExpectation:
    remedy = (
        f"Correct `build` or its feeds. If it is right that {name!r} is so, name it in `{field}` of the FeatureSuite"
        " that `features` of expectations.py returns, and run the period again."
    )
    return BrokenExpectation(f"feature {name!r} {rule}", observed, remedy)


class PredictionTally(Tally):
    """Find predictions out of range, crossed, or equal though features differ."""

    def __init__(self, task: TaskModel[Any], features: Iterable[str]) -> None:
        """Begin without rows; `features` are those that the model reads."""
        self._task = task
        self._columns = {name: _Column() for name in features}
        self._rows = self._unsound = self._crossed = 0
        self._first_unsound = ""
        self._first: Numbers | None = None
        self._are_equal = True

    def add(self, features: pa.RecordBatch, predictions: Numbers, crossed: int = 0) -> None:
        """Count a batch of features and its predictions.

        `crossed` is the number of rows whose quantiles crossed, and were sorted.
        """
        self._rows += len(predictions)
        self._crossed += crossed
        unsound = ~self._task.are_sound(predictions)
        if unsound.any():
            self._first_unsound = self._first_unsound or str(predictions[unsound][0].tolist())
            self._unsound += int(unsound.sum())
        if self._are_equal and len(predictions):
            self._first = predictions[0] if self._first is None else self._first
            self._are_equal = bool(np.all(predictions == self._first))
        for name, column in self._columns.items() if self._are_equal else ():
            column.add(features[name])

    @property
    def crossed(self) -> int:
        """Return the number of rows whose quantiles crossed."""
        return self._crossed

    def to_json(self) -> dict[str, Any]:
        """Return what was counted as plain values, for `merge`."""
        return {
            "rows": self._rows,
            "crossed": self._crossed,
            "unsound": self._unsound,
            "first_unsound": self._first_unsound,
            "first": None if self._first is None else self._first.tolist(),
            "are_equal": self._are_equal,
            "columns": {name: column.to_json() for name, column in self._columns.items()},
        }

    def merge(self, other: Mapping[str, Any]) -> None:
        """Add the counts of the next rows of the period, from their `to_json`."""
        self._rows += other["rows"]
        self._crossed += other["crossed"]
        self._unsound += other["unsound"]
        self._first_unsound = self._first_unsound or other["first_unsound"]
        first = other["first"]
        if first is not None:
            is_same = self._first is None or bool(np.all(np.asarray(first) == self._first))
            self._first = np.asarray(first) if self._first is None else self._first
            self._are_equal = self._are_equal and other["are_equal"] and is_same
        for name, column in self._columns.items():
            column.merge(other["columns"][name])

    def broken(self, suite: Suite) -> list[BrokenExpectation]:
        found = []
        if self._unsound:
            observed = f"{self._unsound:,} of {self._rows:,} are not, the first {self._first_unsound}"
            remedy = "Score the period with another version, or train a new one: no declaration allows such values."
            found.append(BrokenExpectation(f"each prediction must be {self._task.sound_values}", observed, remedy))
        if self._crossed and self._task.task.refuses_crossed:
            observed = f"those of {self._crossed:,} of {self._rows:,} rows cross"
            remedy = (
                'Train a version whose quantiles do not cross, or declare if_crossed="sort": then they are sorted and'
                " counted."
            )
            found.append(BrokenExpectation("predicted quantiles must be in order", observed, remedy))
        may_be_equal = isinstance(suite, PredictionSuite) and suite.may_be_equal
        differs = any(column.varies for column in self._columns.values())
        if self._rows >= MIN_ROWS and self._are_equal and differs and not may_be_equal and not self._unsound:
            value = "" if self._first is None else self._first.tolist()
            remedy = (
                "Look at the model and its features, and score the period with another version. If it is right that all"
                " predictions of a period are equal, return PredictionSuite(may_be_equal=True) from `predictions` in"
                " expectations.py, and run the period again."
            )
            observed = f"all {self._rows:,} predictions are {value}"
            found.append(BrokenExpectation("predictions must differ where features differ", observed, remedy))
        return found


class _Column:
    """Whether the values of a column are all equal; a null differs from every value."""

    def __init__(self) -> None:
        self.value: object = None
        self.varies = self._has_null = False

    def add(self, values: pa.Array) -> None:
        """Count the values of a batch."""
        if self.varies or not len(values):
            return
        self._has_null = self._has_null or values.null_count > 0
        known = values.drop_null()
        if self.value is None and len(known):
            self.value = known[0].as_py()
        is_one = self.value is None or pc.all(pc.equal(known, pa.scalar(self.value, known.type))).as_py() is not False
        self.varies = self.value is not None and (self._has_null or not is_one)

    def to_json(self) -> dict[str, Any]:
        """Return the state as plain values.

        A date or an instant becomes its ISO text.
        """
        value = self.value.isoformat() if isinstance(self.value, date) else self.value
        return {"value": value, "varies": self.varies, "has_null": self._has_null}

    def merge(self, other: Mapping[str, Any]) -> None:
        """Add the values of the next rows, from their `to_json`."""
        own, others = self.to_json()["value"], other["value"]
        differs = own is not None and others is not None and own != others
        self.value = others if own is None else own
        self._has_null = self._has_null or other["has_null"]
        self.varies = self.varies or other["varies"] or differs or (self.value is not None and self._has_null)

    @property
    def is_null(self) -> bool:
        """Return whether there is no value."""
        return self.value is None

    @property
    def is_constant(self) -> bool:
        """Return whether all rows have the same value, and none is null."""
        return self.value is not None and not self.varies
