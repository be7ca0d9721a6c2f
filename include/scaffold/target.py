"""Decide what a new use case predicts, from the label's values in the sample."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.costs import DecisionCosts
from include.declaration.problems import DeclarationError, Problem
from include.declaration.task import Binary, Multiclass, Regression, Task
from include.scaffold.answers import Answers

MOST_CLASSES = 20
"""Distinct values of a label that is predicted as classes."""
LEAST_VALIDATION_ROWS = 30
"""Labelled validation rows from which on an interval is proposed."""
LOGARITHMIC = frozenset({"poisson", "gamma", "tweedie"})
"""Objectives whose labels are not negative."""


@dataclass(frozen=True)
class Target:
    """The declared task, and the labels of the sample as it needs them."""

    task: Task
    labels: pa.ChunkedArray
    shown: str
    """What the labels are, after the name of their column."""
    averaged: tuple[tuple[str, str], ...]
    """Beginning of the name of a trailing mean, and the column of labels that is averaged."""
    values: tuple[int | str, ...] = ()
    """The only values of a label; empty: any number."""
    class_names: Mapping[str, str] = field(default_factory=dict)
    """Values of the label to the names of their classes; empty if all are the same."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the declared classes; empty if the task has none."""
        return getattr(self.task, "classes", ())

    @property
    def has_costs(self) -> bool:
        """Return whether costs of decisions are declared."""
        return bool(getattr(self.task, "costs", None))


def plan_target(answers: Answers, values: pa.ChunkedArray, validation_rows: float) -> Target:
    """Return what is predicted.

    Raises:
        DeclarationError: the label's values do not fit the task.
    """
    kind = answers.task or _suggested(answers, values)
    return {"binary": _binary, "regression": _regression, "multiclass": _multiclass}[kind](
        answers, values, validation_rows
    )


def _suggested(answers: Answers, values: pa.ChunkedArray) -> str:
    if answers.positive or pa.types.is_boolean(values.type):
        return "binary"
    found = set(pc.unique(values).drop_null().to_pylist())
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        return "binary" if found <= {0, 1} else "regression"
    return "binary" if len(found) <= 2 else "multiclass"


def _binary(answers: Answers, values: pa.ChunkedArray, _: float) -> Target:
    """Return labels of 0 and 1."""
    if answers.positive:
        labels = pc.equal(values.cast(pa.string()), answers.positive).cast(pa.int8())
    elif pa.types.is_boolean(values.type):
        labels = values.cast(pa.int8())
    else:
        found = pc.unique(values).drop_null()
        if not set(found.to_pylist()) <= {0, 1}:
            problem = f"column {answers.label!r} has the values {_some(found)}, and the label of a yes or no is 0 or 1."
            hint = "Name the value to predict: --positive VALUE; or predict something else: --task."
            raise _refused(answers, problem, hint)
        labels = values.cast(pa.int8())
    if pc.count_distinct(labels, mode="only_valid").as_py() < 2:
        raise _refused(answers, f"all rows have the same {answers.label!r}, so there is nothing to learn.")
    share = pc.mean(labels).as_py()
    costs = DecisionCosts(false_negative=max(1, round((1 - share) / share)), false_positive=1, unit="points")
    shown = f"is 1 in {share:.1%} of the rows"
    return Target(Binary(costs=costs), labels, shown, ((f"{answers.label}_share", answers.label),), (0, 1))


def _regression(answers: Answers, values: pa.ChunkedArray, validation_rows: float) -> Target:
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        problem = f"column {answers.label!r} holds no numbers, but {_some(pc.unique(values))}."
        raise _refused(answers, problem, "Predict classes: --task multiclass; or one value: --positive VALUE.")
    if pc.count_distinct(values, mode="only_valid").as_py() < 2:
        raise _refused(answers, f"all rows have the same {answers.label!r}, so there is nothing to learn.")
    least = pc.min(values).as_py()
    is_count = pa.types.is_integer(values.type) and least >= 0
    loss = answers.loss or ("poisson" if is_count else "l2")
    if loss in LOGARITHMIC and (least < 0 or (loss == "gamma" and least == 0)):
        problem = f"column {answers.label!r} has the value {least:g}, which --loss {loss} does not allow."
        raise _refused(answers, problem, "Use --loss l2, or l1 for the median.")
    interval = answers.interval if validation_rows >= LEAST_VALIDATION_ROWS else ()
    task = Regression(objective=loss, intervals=(interval[0], interval[1]) if interval else None)  # type: ignore[arg-type]  # checked by `Answers`
    mean, most = pc.mean(values).as_py(), pc.max(values).as_py()
    shown = f"is {mean:,.6g} on average, from {least:,.6g} to {most:,.6g}"
    return Target(task, values, shown, ((f"{answers.label}_mean", answers.label),))


def _multiclass(answers: Answers, values: pa.ChunkedArray, _: float) -> Target:
    texts = values.cast(pa.string())
    found = sorted(pc.unique(texts).drop_null().to_pylist())
    if not 3 <= len(found) <= MOST_CLASSES:
        problem = f"column {answers.label!r} has {len(found):,} values, and classes are 3 to {MOST_CLASSES}."
        hint = "Name the value to predict: --positive VALUE." if len(found) < 3 else "Join rare ones in the file."
        raise _refused(answers, problem, hint)
    names = class_names(found)
    labels = pc.take(pa.array([*names.values()]), pc.index_in(texts, pa.array([*names])))
    rows = len(labels) - labels.null_count
    counts = sorted(pc.value_counts(labels.drop_null()).to_pylist(), key=lambda count: -count["counts"])
    shown = "is " + ", ".join(f"`{count['values']}` in {count['counts'] / rows:.1%}" for count in counts)
    averaged = tuple((f"{answers.label}_{name}_share", f"{answers.label} is {name}") for name in names.values())
    changed = names if any(value != name for value, name in names.items()) else {}
    task = Multiclass(classes=tuple(names.values()))
    return Target(task, labels, f"{shown} of the rows", averaged, task.classes, changed)


def class_names(values: Sequence[str]) -> dict[str, str]:
    """Return a name for each value; no two are the same.

    Names have letters, digits, spaces, _ and - only.
    """
    names: dict[str, str] = {}
    for number, value in enumerate(values, start=1):
        plain = unicodedata.normalize("NFKD", value.replace("ß", "ss")).encode("ascii", "ignore").decode()
        name = re.sub(r"[^A-Za-z0-9_ -]+", "_", plain).strip("_ ") or f"class {number}"
        taken = {other.casefold() for other in names.values()}
        names[value] = name if name.casefold() not in taken else f"{name} {number}"
    return names


def _some(values: pa.Array) -> list[str]:
    return sorted(map(str, values.drop_null().to_pylist()))[:5]


def _refused(answers: Answers, problem: str, hint: str = "") -> DeclarationError:
    return DeclarationError([Problem("label", problem, hint)], answers.name)
