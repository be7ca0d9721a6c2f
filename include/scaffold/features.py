"""Choose the first features of a new use case.

They are what is known before, and trailing means of what was observed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration import names
from include.scaffold.answers import Answers
from include.scaffold.rhythm import Rhythm

MOST_COLUMNS = 8
"""Number of observed columns with trailing means."""
MOST_CATEGORIES = 1_000
"""Distinct values of a text that is learned as a category."""
SMALL_GROUP = 200
"""Distinct values of a text by which rows are grouped if their keys do not come again."""
REPEATED = 3
"""Periods, on average, in which a key must occur for its rows to be a group."""


@dataclass(frozen=True)
class PlannedFeatures:
    """The features and what they are made of."""

    known: tuple[tuple[str, str, str], ...]
    """Feature, column of the feed `planned`, declared type."""
    averaged: tuple[tuple[str, str], ...]
    """Beginning of the feature's name, and the observed column that is averaged."""
    group: tuple[str, ...]
    """Columns that are equal in a group of rows; empty: all rows are one group."""
    windows: tuple[int, ...]
    rhythm: Rhythm
    season: str = ""
    """The feature with the label of the same keys one season before; empty: there is none."""
    equal_before: tuple[str, ...] = ()
    """Features known before that are equal in all rows of some periods of the sample."""
    null_before: tuple[str, ...] = ()
    """Features known before that are null in all rows of some periods of the sample."""

    @property
    def constant(self) -> list[str]:
        """Return the features that may be equal in all rows of a period."""
        of_all_rows = ("rows",) if self.group else ("rows", *self._names)  # a group often has one row a period
        trailing = (self._trailing(name, periods) for periods in self.windows for name in of_all_rows)
        return [*self.equal_before, *self._of_time, *trailing]

    @property
    def declared(self) -> dict[str, str]:
        """Return the type of each feature, in order."""
        known = {feature: kind for feature, _, kind in self.known}
        names_of = ("rows", *self._names)
        trailing = {self._trailing(name, periods): "float64" for periods in self.windows for name in names_of}
        season = {self.season: "float64"} if self.season else {}
        return known | dict.fromkeys(self._of_time, "int8") | season | trailing

    @property
    def renamed(self) -> dict[str, str]:
        """Return the columns of `planned` whose feature has another name, with that name."""
        return {column: feature for feature, column, _ in self.known if feature != column}

    @property
    def _of_time(self) -> list[str]:
        return [name for name, _ in self.rhythm.time_features]

    def _trailing(self, name: str, periods: int) -> str:
        return f"{name}_{periods}{self.rhythm.suffix}"

    @property
    def _names(self) -> Iterable[str]:
        return (name for name, _ in self.averaged)


def plan_features(
    answers: Answers,
    rows: pa.Table,
    period: str,
    hour: str,
    windows: Sequence[int],
    averaged_labels: Sequence[tuple[str, str]],
    rhythm: Rhythm,
) -> PlannedFeatures:
    """Return features that only use what is known when a period begins."""
    group = _group(answers, rows, period, hour)
    keys = (hour, *answers.keys) if hour else answers.keys
    repeated = [key for key in keys if key in group or key == hour]
    known = [*repeated, *(name for name in answers.known_before if name not in keys)]
    taken = {answers.label, period, *keys, *(name for name, _ in rhythm.time_features)} - set(repeated)
    declared = []
    for column in known:
        if kind := _feature_type(rows[column]):
            feature = column if column in repeated else _name(column, taken)
            taken.add(feature)
            declared.append((feature, column, kind))
    observed = [name for name in rows.column_names if name not in {*keys, period, *answers.known_before}]
    numbers = [name for name in observed if _is_number(rows[name]) and name != answers.label][:MOST_COLUMNS]
    averaged = [(_name(f"{column}_mean", taken), column) for column in numbers]
    averaged += [(_name(name, taken), column) for name, column in averaged_labels]
    is_one_row = set(group) == set(keys) and answers.label_delay <= rhythm.season and _is_number(rows[answers.label])
    season = _name(f"{answers.label}_{rhythm.season}{rhythm.suffix}_ago", taken) if is_one_row else ""
    equal, null = _equal_in_a_period(rows, period, [column for _, column, _ in declared])
    return PlannedFeatures(
        tuple(declared),
        tuple(averaged),
        group,
        tuple(windows),
        rhythm,
        season,
        tuple(feature for feature, column, _ in declared if column in equal),
        tuple(feature for feature, column, _ in declared if column in null),
    )


def _equal_in_a_period(rows: pa.Table, period: str, columns: Sequence[str]) -> tuple[set[str], set[str]]:
    """Return the columns with one value in some period, and those without a value."""
    columns = [column for column in columns if column != period]
    counts = [("count_distinct", pc.CountOptions("all")), ("count", pc.CountOptions("only_valid"))]
    measured = rows.group_by(period).aggregate([(column, *how) for column in columns for how in counts])
    equal = {column for column in columns if pc.min(measured[f"{column}_count_distinct"]).as_py() == 1}
    return equal, {column for column in columns if pc.min(measured[f"{column}_count"]).as_py() == 0}


def _group(answers: Answers, rows: pa.Table, period: str, hour: str) -> tuple[str, ...]:
    """Return the columns that group the rows.

    They are the keys if these come again in other periods, or a text with few values, or the hour.
    """
    if answers.keys:
        periods = rows.group_by(list(answers.keys)).aggregate([(period, "count_distinct")])
        if pc.mean(periods[f"{period}_count_distinct"]).as_py() >= REPEATED:
            return (hour, *answers.keys) if hour else answers.keys
        texts = [name for name in answers.known_before if pa.types.is_string(rows[name].type)]
        return tuple(name for name in texts if pc.count_distinct(rows[name]).as_py() <= SMALL_GROUP)[:1]
    return (hour,) if hour else ()


def _feature_type(values: pa.ChunkedArray) -> str:
    """Return the type of a feature made of this column; empty if it is none."""
    if pa.types.is_string(values.type):
        return "category" if pc.count_distinct(values).as_py() <= MOST_CATEGORIES else ""
    return str(values.type).replace("double", "float64") if _is_number(values) else ""


def _is_number(values: pa.ChunkedArray) -> bool:
    kind = values.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _name(column: str, taken: Iterable[str]) -> str:
    """Return the name of a feature: letters, digits and _, and not used otherwise."""
    name = re.sub(r"\W+", "_", column).strip("_") or "feature"
    used = {other.casefold() for other in taken} | names.LAKE_COLUMNS | {"period"}
    return name if name.casefold() not in used else f"{name}_known"
