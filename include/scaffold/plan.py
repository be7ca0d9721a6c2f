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
from include.grammar import counted
from include.scaffold.answers import Answers
from include.scaffold.expectations import ProposedSuite, propose_suite
from include.scaffold.features import PlannedFeatures, plan_features
from include.scaffold.rhythm import Rhythm, plan_rhythm, starts
from include.scaffold.sample import Sample
from include.scaffold.splits import PlannedTraining, plan_training
from include.scaffold.target import Target, plan_target

PARTITION_COLUMN = "period"
"""The column of clean feeds with the period in which a row became known."""


MOST_GAPS = 2_000
"""Periods without rows that a declaration lists."""


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
    """The key with the start of a row's period; made of the sample's date column."""
    hour: str
    """The key with the hour, if the sample has local times; else empty."""
    keys: tuple[str, ...]
    planned: PlannedFeed
    observed: PlannedFeed
    closed: tuple[int, ...]
    """Days of the week (Monday is 1) or hours of the day without rows."""
    periods_without_rows: tuple[str, ...]
    """Other periods without rows between the first and the last one."""
    first: Period
    last: Period
    features: PlannedFeatures
    training: PlannedTraining
    target: Target
    rhythm: Rhythm

    @property
    def task(self) -> str:
        """Return the kind of the task, which names its template."""
        return self.target.task.kind

    @property
    def objective(self) -> str:
        return self.answers.objective or f"Predict {self.answers.label} of each row when its {self.rhythm.unit} begins."

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
    rhythm = plan_rhythm(answers, sample.rows[answers.date])
    rows, day, hour = _with_date(answers, sample, rhythm)
    keys = tuple(dict.fromkeys([day, *([hour] if hour else []), *answers.keys]))
    periods = pc.count_distinct(rows[day], mode="only_valid").as_py()
    training = plan_training(_length(rows[day], rhythm), answers.label_delay, rows.num_rows, rhythm)
    validation_rows = (training.validation if training else 0) * rows.num_rows / max(1, periods)
    target = plan_target(answers, sample.rows[answers.label], validation_rows)
    _require_free_names(answers, sample, target)
    rows = rows.set_column(rows.column_names.index(answers.label), answers.label, target.labels)
    per_period = dict(sorted(zip(*_counted(rows, day), strict=True)))
    first, last = rhythm.period(min(per_period)), rhythm.period(max(per_period))
    _require_usable(answers, rows, keys, training, last - first + 1, rhythm)
    assert training is not None
    known = [*keys, *(name for name in answers.known_before if name not in keys)]
    features = plan_features(answers, rows, day, hour, training.windows, target.averaged, rhythm)
    observed = [name for name in rows.column_names if name not in known or name in (*keys, *features.group)]
    closed, gaps = _periods_without_rows(answers, per_period, first, last, rhythm)
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
        rhythm=rhythm,
    )


def _periods_without_rows(
    answers: Answers, starts_of: Collection[date], first: Period, last: Period, rhythm: Rhythm
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the weekdays or hours without rows, and the other such periods.

    Raises:
        DeclarationError: there are too many to list.
    """
    is_long = last - first >= 4 * max(1, len(rhythm.parts))
    closed = {*rhythm.parts} - {rhythm.part_of(start) for start in starts_of} if is_long else set()
    gaps = [period.key for period in period_range(first, last) if period.start not in starts_of]
    if closed:
        gaps = [key for key in gaps if rhythm.part_of(Period(key).start) not in closed]
    if len(gaps) > MOST_GAPS:
        problem = f"{counted(len(gaps), rhythm.unit)} between {first} and {last} have no rows."
        hint = "Give each period a row, such as one with 0, or choose a longer period: --calendar."
        raise DeclarationError([Problem("calendar", problem, hint)], answers.name)
    return tuple(sorted(closed)), tuple(gaps)


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


def _with_date(answers: Answers, sample: Sample, rhythm: Rhythm) -> tuple[pa.Table, str, str]:
    """Return the rows with the start of their period and, of days, their hour.

    There is an hour if the dates of days are local times that are not midnights. Other local times are left out: a
    column of instants needs a zone.
    """
    times = [name for name, column in sample.columns.items() if column.kind == "timestamp"]
    rows = sample.rows.drop_columns(times)
    dates = sample.rows[answers.date]
    began = starts(rhythm, dates, answers.time_zone)
    if answers.date not in times and pc.all(pc.equal(began, dates)).as_py():
        return rows, answers.date, ""
    period = rhythm.new_column
    period = period if period not in rows.column_names else f"{answers.date}_{period}"
    rows = rows.append_column(period, began)
    is_start = pc.all(pc.equal(began, dates.cast(began.type, safe=False))).as_py() if sample.table else True
    if not is_start:
        problem = f"column {answers.date!r} has other days than the first of each {rhythm.unit}."
        hint = "Make a view with the first day, and name that; or give the rows as a file."
        raise DeclarationError([Problem("date", problem, hint)], answers.name)
    if answers.date not in times:  # the day in the week is no column of its own: it may not be known before
        return rows.drop_columns([answers.date]), period, ""
    hours = pc.hour(dates)
    if rhythm.unit != "day" or not pc.any(pc.greater(hours, 0)).as_py():
        return rows, period, ""
    hour = "hour" if "hour" not in rows.column_names else f"{answers.date}_hour"
    return rows.append_column(hour, hours.cast(pa.int8())), period, hour


def _require_free_names(answers: Answers, sample: Sample, target: Target) -> None:
    """Check that no column has the name of a column of the predictions."""
    taken = {name.casefold() for name in (*target.task.prediction_columns, names.VERSION_COLUMN, "period")}
    if used := [name for name in sample.columns if name.casefold() in taken]:
        problem = Problem("sample", f"columns {used} have names that the product uses.", "Rename them.")
        raise DeclarationError([problem], answers.name)


def _length(days: pa.ChunkedArray, rhythm: Rhythm) -> int:
    """Return the number of periods from the first to the last one."""
    ends = pc.min_max(days).as_py()
    return rhythm.period(ends["max"]) - rhythm.period(ends["min"]) + 1 if ends["min"] else 0


def _require_usable(
    answers: Answers,
    rows: pa.Table,
    keys: Sequence[str],
    training: PlannedTraining | None,
    periods: int,
    rhythm: Rhythm,
) -> None:
    """Check keys and the length of the history."""
    problems = []
    if nulls := [key for key in keys if rows[key].null_count]:
        problems.append(Problem("keys", f"{nulls} are null in some rows.", "Remove these rows, or choose other keys."))
    distinct = rows.group_by(list(keys)).aggregate([]).num_rows
    if distinct < rows.num_rows:
        problem = f"{list(keys)} identify {distinct:,} of {rows.num_rows:,} rows: some rows have the same keys."
        hint = "Name all columns that identify a row: --keys a,b"
        if rhythm.unit == "hour" and answers.time_zone != "UTC":
            hint += "; or give times in UTC, if they are those of an hour that occurs twice when clocks are set back."
        problems.append(Problem("keys", problem, hint))
    if training is None:
        problem = f"the sample covers {counted(periods, rhythm.unit)}, and a training with a test needs more."
        least = counted(12 * rhythm.per_day + 3 * answers.label_delay, rhythm.unit)
        problems.append(Problem("sample", problem, f"Give {least} or more."))
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
    kinds: dict[Any, str] = {
        pa.timestamp("us", "UTC"): "timestamp",
        pa.string(): "string",
        pa.float64(): "float64",
        pa.bool_(): "bool",
    }
    columns = {field.name: kinds.get(field.type) or str(field.type).removesuffix("[day]") for field in rows.schema}
    is_number = target is not None and not target.values
    return PlannedFeed(name, columns, propose_suite(rows, keys, counts, label, limit_label=is_number))
