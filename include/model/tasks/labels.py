"""Check the labels of a day, by the declared task.

It imports nothing else of `model/`: what these checks import belongs to the code that builds labels, and a changed
trainer must not make labels stale.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.task import Binary, Multiclass, Regression, Task

_VALUES_NAMED = 5
_BINARY = "return 1 if the predicted event happened, 0 if it did not, and null if that is not known"
_NUMBER = "return a number, and null if that is not known"
NOT_NEGATIVE = frozenset({"poisson", "gamma", "tweedie"})
"""Objectives that allow no negative label."""


class LabelTally(ABC):
    """Check the labels of one day, batch by batch."""

    def __init__(self, label: str) -> None:
        self.label = label

    @abstractmethod
    def refused_type(self, kind: pa.DataType) -> str:
        """Return why a column of this type holds no labels; empty if it may."""

    @abstractmethod
    def add(self, values: pa.Array) -> None:
        """Add the labels of a batch."""

    @property
    @abstractmethod
    def problem(self) -> str:
        """Return what is wrong with the labels so far; empty if nothing is."""


class BinaryTally(LabelTally):
    """Check that each label is 0, 1 or null; any number type and bool are accepted."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self._counts: Counter[object] = Counter()

    def refused_type(self, kind: pa.DataType) -> str:
        if is_plain(kind):
            return ""
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        return (
            f"have labels that are not 0, 1 or null: {self.label!r} is {value}, which is not a number. A label is"
            f" binary: {_BINARY}"
        )

    def add(self, values: pa.Array) -> None:
        self._counts.update(counted_values(values))

    @property
    def problem(self) -> str:
        if all(value in (0, 1, None) for value in self._counts):
            return ""
        named = [f"{value!r} in {rows} rows" for value, rows in self._counts.most_common(_VALUES_NAMED)]
        others = len(self._counts) - _VALUES_NAMED
        more = f" and {others} other values" if others > 0 else ""
        listed = ", ".join(named)
        return f"have labels that are not 0, 1 or null: {self.label!r} is {listed}{more}. A label is binary: {_BINARY}"


class NumberTally(LabelTally):
    """Check that each label is a finite number that the objective allows, or null."""

    def __init__(self, label: str, objective: str) -> None:
        super().__init__(label)
        self._objective = objective
        self._not_finite = self._too_small = 0

    def refused_type(self, kind: pa.DataType) -> str:
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if is_plain(kind) and (number or pa.types.is_null(kind) or pa.types.is_boolean(kind)):
            return ""
        return f"have labels that are not numbers: {self.label!r} is {kind}; {_NUMBER}"

    def add(self, values: pa.Array) -> None:
        numbers = values.drop_null().cast(pa.float64())
        self._not_finite += len(numbers) - (pc.sum(pc.is_finite(numbers)).as_py() or 0)
        if self._objective in NOT_NEGATIVE:
            wrong = pc.less_equal(numbers, 0.0) if self._objective == "gamma" else pc.less(numbers, 0.0)
            self._too_small += pc.sum(wrong).as_py() or 0

    @property
    def problem(self) -> str:
        if self._not_finite:
            return f"have {self._not_finite} labels that are not finite: {self.label!r} is NaN or infinite; {_NUMBER}"
        if self._too_small:
            words = "0 or negative" if self._objective == "gamma" else "negative"
            return (
                f"have {self._too_small} labels that are {words}: {self.label!r} cannot be, with"
                f" objective={self._objective!r}. Correct the labels, or declare another objective"
            )
        return ""


class ClassTally(LabelTally):
    """Check that each label is the name of a declared class, or null."""

    def __init__(self, label: str, classes: tuple[str, ...]) -> None:
        super().__init__(label)
        self._classes = classes
        self._counts: Counter[object] = Counter()

    def refused_type(self, kind: pa.DataType) -> str:
        value = kind.value_type if pa.types.is_dictionary(kind) else kind
        if is_plain(kind) and (pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_null(value)):
            return ""
        return f"have labels that are not text: {self.label!r} is {kind}; return the name of a class, or null"

    def add(self, values: pa.Array) -> None:
        self._counts.update(counted_values(values))

    @property
    def problem(self) -> str:
        unseen = {value: rows for value, rows in self._counts.items() if value not in (*self._classes, None)}
        if not unseen:
            return ""
        named = [f"{value!r} in {rows} rows" for value, rows in [*unseen.items()][:_VALUES_NAMED]]
        others = len(unseen) - _VALUES_NAMED
        more = f" and {others} other values" if others > 0 else ""
        return (
            f"have labels that are no declared class: {self.label!r} is {', '.join(named)}{more}. The classes are"
            f" {list(self._classes)}: correct the labels, or declare the class"
        )


def counted_values(values: pa.Array) -> dict[object, int]:
    """Return each value of a column with its number of rows."""
    return {count["values"]: count["counts"] for count in pc.value_counts(values).to_pylist()}


def is_plain(kind: pa.DataType) -> bool:
    """Return whether a type is neither nested nor an extension."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (pa.types.is_nested(value) or isinstance(value, pa.BaseExtensionType))


_TALLIES: Mapping[type[Task], Callable[[str, Any], LabelTally]] = {
    Binary: lambda label, _: BinaryTally(label),
    Regression: lambda label, task: NumberTally(label, task.objective),
    Multiclass: lambda label, task: ClassTally(label, task.classes),
}


def label_tally(task: Task, label: str) -> LabelTally:
    """Return the check of one day's labels in the column `label`."""
    return _TALLIES[type(task)](label, task)
