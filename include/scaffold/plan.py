"""Decide what a new use case declares.

Its feeds, features, splits and costs follow from the answers and the sample.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration import names
from include.declaration.period import Period, period_range
from include.declaration.problems import DeclarationError, Problem, did_you_mean
from include.scaffold.answers import Answers
from include.scaffold.expectations import ProposedSuite, propose_suite
from include.scaffold.features import PlannedFeatures, plan_features
from include.scaffold.sample import Sample
from include.scaffold.splits import PlannedTraining, plan_training
from include.scaffold.target import Target, plan_target

PARTITION_COLUMN = "period"
"""The column of clean feeds with the period in which a row became known."""


@dataclass(frozen=True)
class PlannedFeed:
    """A feed of the new use case."""

    name: str
    columns: Mapping[str, str]
    suite: ProposedSuite


@dataclass(frozen=True)
class Plan:
    """Everything that the templates write."""

    answers: Answers
    sample: Sample
    package: str
    date: str
    """The key with the day of a row; read from the sample's date column."""
    hour: str
    """The key with the hour, if the sample has local times; else empty."""
    keys: tuple[str, ...]
    planned: PlannedFeed
    observed: PlannedFeed
    closed: tuple[int, ...]
    """Days of the week without rows; Monday is 1."""
    periods_without_rows: tuple[str, ...]
    """Other days without rows between the first and the last one."""
    first: Period
    last: Period
    features: PlannedFeatures
    training: PlannedTraining
    target: Target

    @property
    def task(self) -> str:
        """Return the kind of the task, which names its template."""
        return self.target.task.kind

    @property
    def objective(self) -> str:
        return self.answers.objective or f"Predict {self.answers.label} of each row when its day begins."

    @property
    def has_gaps(self) -> bool:
        return bool(self.closed or self.periods_without_rows)

    @property
    def partition_column(self) -> str:
        return PARTITION_COLUMN

    @property
    def read_types(self) -> dict[str, str]:
        """Return the type of each column that is read from the file."""
        return {name: column.kind for name, column in self.sample.columns.items()}


def plan_use_case(answers: Answers, sample: Sample, package: str) -> Plan:
    """Return what to write.

    Raises:
        DeclarationError: answers and sample do not fit; lists all problems.
    """
    _require_columns(answers, sample)
    rows, day, hour = _with_date(answers, sample)
    keys = tuple(dict.fromkeys([day, *([hour] if hour else []), *answers.keys]))
    periods = pc.count_distinct(rows[day], mode="only_valid").as_py()
    training = plan_training(_length(rows[day]), answers.label_delay, rows.num_rows)
    validation_rows = (training.validation if training else 0) * rows.num_rows / max(1, periods)
    target = plan_target(answers, sample.rows[answers.label], validation_rows)
    _require_free_names(answers, sample, target)
    rows = rows.set_column(rows.column_names.index(answers.label), answers.label, target.labels)
    per_period = dict(sorted(zip(*_counted(rows, day), strict=True)))
    first, last = Period.from_date(min(per_period)), Period.from_date(max(per_period))
    _require_usable(answers, rows, keys, training, last - first + 1)
    assert training is not None
    known = [*keys, *(name for name in answers.known_before if name not in keys)]
    features = plan_features(answers, rows, day, hour, training.windows, target.averaged)
    observed = [name for name in rows.column_names if name not in known or name in (*keys, *features.group)]
    closed, gaps = _days_without_rows(per_period, first, last)
    counts = list(per_period.values())
    return Plan(
        answers=answers,
        sample=sample,
        package=package,
        date=day,
        hour=hour,
        keys=keys,
        planned=_feed("planned", rows.select(known), keys, counts),
        observed=_feed("observed", rows.select(_keys_first(observed, keys)), keys, counts, answers.label, target),
        closed=closed,
        periods_without_rows=gaps,
        first=first,
        last=last,
        features=features,
        training=training,
        target=target,
    )


def _days_without_rows(days: Collection[date], first: Period, last: Period) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the days of the week without rows, and the other days without rows."""
    closed = {*range(1, 8)} - {day.isoweekday() for day in days} if last - first >= 28 else set()
    gaps = [period for period in period_range(first, last) if period.start_date not in days]
    return tuple(sorted(closed)), tuple(gap.key for gap in gaps if gap.start_date.isoweekday() not in closed)


def _require_columns(answers: Answers, sample: Sample) -> None:
    """Check that the named columns exist and can be declared.

    They must have names that the lake does not use.
    """
    problems = []
    named = {"date": [answers.date], "keys": answers.keys, "label": [answers.label]}
    for field, columns in (named | {"known_before": answers.known_before}).items():
        for name in columns:
            if reason := sample.left_out.get(name):
                problems.append(Problem(field, f"column {name!r} cannot be used: {reason}."))
            elif name not in sample.columns:
                hint = did_you_mean(name, sample.columns)
                problems.append(Problem(field, f"the sample has no column {name!r}, only {[*sample.columns]}.", hint))
    for check in (names.require_columns, names.require_distinct_columns):
        try:
            check(sample.columns, "sample")
        except DeclarationError as error:
            problems += error.problems
    if not problems and sample.columns[answers.date].kind not in ("date32", "timestamp"):
        hint = "Write dates as 2024-01-31 and local times as 2024-01-31 15:00:00, without a zone."
        problems.append(Problem("date", f"column {answers.date!r} holds no dates.", hint))
    if problems:
        raise DeclarationError(problems, answers.name)


def _with_date(answers: Answers, sample: Sample) -> tuple[pa.Table, str, str]:
    """Return the rows with columns for their date and their hour.

    There is an hour if the dates are local times that are not midnights. Other local times are left out: a column of
    instants needs a zone.
    """
    times = [name for name, column in sample.columns.items() if column.kind == "timestamp"]
    rows = sample.rows.drop_columns(times)
    if answers.date not in times:
        return rows, answers.date, ""
    local = sample.rows[answers.date]
    period = "date" if "date" not in rows.column_names else f"{answers.date}_date"
    rows = rows.append_column(period, local.cast(pa.date32(), safe=False))
    hours = pc.hour(local)
    if not pc.any(pc.greater(hours, 0)).as_py():
        return rows, period, ""
    hour = "hour" if "hour" not in rows.column_names else f"{answers.date}_hour"
    return rows.append_column(hour, hours.cast(pa.int8())), period, hour


def _require_free_names(answers: Answers, sample: Sample, target: Target) -> None:
    """Check that no column has the name of a column of the predictions."""
    taken = {name.casefold() for name in (*target.task.prediction_columns, names.VERSION_COLUMN, "period")}
    if used := [name for name in sample.columns if name.casefold() in taken]:
        problem = Problem("sample", f"columns {used} have names that the product uses.", "Rename them.")
        raise DeclarationError([problem], answers.name)


def _length(days: pa.ChunkedArray) -> int:
    """Return the number of days from the first to the last one."""
    ends = pc.min_max(days).as_py()
    return (ends["max"] - ends["min"]).days + 1 if ends["min"] else 0


def _require_usable(
    answers: Answers,
    rows: pa.Table,
    keys: Sequence[str],
    training: PlannedTraining | None,
    periods: int,
) -> None:
    """Check keys and the length of the history."""
    problems = []
    if nulls := [key for key in keys if rows[key].null_count]:
        problems.append(Problem("keys", f"{nulls} are null in some rows.", "Remove these rows, or choose other keys."))
    distinct = rows.group_by(list(keys)).aggregate([]).num_rows
    if distinct < rows.num_rows:
        problem = f"{list(keys)} identify {distinct:,} of {rows.num_rows:,} rows: some rows have the same keys."
        problems.append(Problem("keys", problem, "Name all columns that identify a row: --keys a,b"))
    if training is None:
        problem = f"the sample covers {periods} days, and a training with a test needs more."
        problems.append(Problem("sample", problem, f"Give {12 + 3 * answers.label_delay} days or more."))
    if problems:
        raise DeclarationError(problems, answers.name)


def _counted(rows: pa.Table, period: str) -> tuple[list[date], list[int]]:
    """Return the days and their numbers of rows."""
    counted = rows.filter(pc.is_valid(rows[period])).group_by(period).aggregate([([], "count_all")])
    return counted[period].to_pylist(), counted["count_all"].to_pylist()


def _keys_first(columns: Sequence[str], keys: Sequence[str]) -> list[str]:
    return [*keys, *(name for name in columns if name not in keys)]


def _feed(
    name: str, rows: pa.Table, keys: Sequence[str], counts: Sequence[int], label: str = "", target: Target | None = None
) -> PlannedFeed:
    kinds: dict[Any, str] = {pa.string(): "string", pa.float64(): "float64", pa.bool_(): "bool"}
    columns = {field.name: kinds.get(field.type) or str(field.type).removesuffix("[day]") for field in rows.schema}
    is_number = target is not None and not target.values
    return PlannedFeed(name, columns, propose_suite(rows, keys, counts, label, limit_label=is_number))
