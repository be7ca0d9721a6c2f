"""Check that the parts of a use case are consistent, after their types.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from include.declaration import clock
from include.declaration.calendar_rules import require_of_calendar
from include.declaration.column_types import CATEGORY, COLUMN_TYPES, TIMESTAMP, stored_type
from include.declaration.exports import require_exports
from include.declaration.feature_groups import check_feature_groups
from include.declaration.landing import require_apart
from include.declaration.names import (
    VERSION_COLUMN,
    require_columns,
    require_distinct_columns,
    require_features,
    require_feeds,
    require_use_case,
)
from include.declaration.period import Period
from include.declaration.period_column import require_period
from include.declaration.problems import did_you_mean, report_below, require, sound
from include.evaluation.gates import require_gates
from include.evaluation.gates.base import GateLimits

if TYPE_CHECKING:
    from include.declaration.use_case import UseCase

FEATURE_TYPES = COLUMN_TYPES - {"string", "date32", TIMESTAMP} | {CATEGORY}


def check_use_case(use_case: UseCase, unusable: Collection[str] = ()) -> None:
    """Report every inconsistency of a use case.

    `unusable` are fields whose values have a wrong type: checks that read one of them are skipped.
    """
    check_data(use_case, use_case.name, unusable)
    checks = (
        (_check_schedules, {"calendar", "training", "score_schedule"}),
        (_check_columns, {"keys", "features", "label", "task"}),
        (_check_task, {"features", "task", "monitoring", "label", "first_period", "last_period"}),
        (_check_baseline, {"features", "training", "task"}),
        (_check_exports, {"exports", "keys", "task"}),
        (_check_gates, {"gates", "feeds", "keys", "features", "training", "task"}),
        (
            check_feature_groups,
            {"feature_groups", "keys", "feeds", "features", "time_zone", "first_period", "last_period"},
        ),
    )
    for check, reads in checks:
        if reads.isdisjoint(unusable):
            check(use_case)


def check_data(declared: UseCase, name: str, unusable: Collection[str] = ()) -> None:
    """Report inconsistencies of what use cases and feature groups both declare.

    `name` is the declared name; `unusable` is as for `check_use_case`.
    """
    if {"name", "owner"}.isdisjoint(unusable):
        require_use_case(name, declared.owner)
    checks = (
        (_check_periods, {"time_zone", "first_period", "last_period", "look_back_periods", "calendar"}),
        (_check_feeds, {"feeds", "first_period"}),
        (require_of_calendar, {"feeds", "first_period", "exports", "calendar"}),
        (_check_keys, {"feeds", "keys", "calendar"}),
        (_check_feature_types, {"features"}),
        (_check_equal_types, {"feeds", "keys", "features"}),
        (_check_period, {"period", "feeds", "keys", "features", "label", "calendar"}),
    )
    for check, reads in checks:
        if reads.isdisjoint(unusable):
            check(declared)


def _check_periods(use_case: UseCase) -> None:
    require(use_case.look_back_periods >= 0, "look_back_periods must be at least 0.", field="look_back_periods")
    if clock.require_time_zone(use_case.time_zone):
        _require_period(use_case, use_case.first_period, "first_period")
        _require_period(use_case, use_case.last_period, "last_period")
    if use_case.last_period and use_case.last_period.unit is not use_case.first_period.unit:
        return
    ordered = use_case.last_period is None or use_case.last_period >= use_case.first_period
    require(
        ordered,
        f"last_period {use_case.last_period} is before first_period {use_case.first_period}.",
        field="last_period",
    )


def _require_period(use_case: UseCase, period: Period | None, field: str) -> None:
    """Report a period of another calendar, and one that the time zone skipped."""
    if period is None:
        return
    calendar = use_case.calendar
    problem = f"{field} {period} is none of the calendar {calendar}."
    hint = f'Write {calendar.unit.form}: Period("{calendar.example}").'
    if require(calendar.contains(period), problem, field=field, hint=hint):
        exists = use_case.decision_time_if_any(period) is not None
        problem = f"{field} {period} does not exist in {use_case.time_zone}, which skipped it."
        require(exists, problem, field=field)


def _check_schedules(use_case: UseCase) -> None:
    """Report schedules that are finer than the calendar."""
    schedules = {"training.schedule": use_case.training.schedule, "score_schedule": use_case.score_schedule}
    for field, schedule in schedules.items():
        fits = schedule is None or not schedule.is_finer_than(use_case.calendar)
        problem = f"{field}={schedule} is finer than the calendar {use_case.calendar}."
        require(fits, problem, field=field, hint="A run is for one period: declare a calendar that is as coarse.")


def _check_feeds(use_case: UseCase) -> None:
    require_feeds([feed.name for feed in use_case.feeds])
    landings = {feed.name: feed.landing for feed in use_case.feeds if feed.landing and sound([feed.landing])}
    require_apart(landings, use_case.first_period)


def _check_keys(use_case: UseCase) -> None:
    require(bool(use_case.keys), "declare the keys of a row.", field="keys")
    columns = {column for feed in use_case.feeds for column in feed.columns}
    for key in use_case.keys:
        kinds = sorted({feed.columns[key] for feed in use_case.feeds if key in feed.columns})
        hint = "" if kinds else did_you_mean(key, columns)
        require(
            len(kinds) == 1, f"key {key!r} must have one type in all feeds; it has {kinds}.", field="keys", hint=hint
        )
        problem = f"key {key!r} is a timestamp; identify a row by a date or a number."
        is_hour = key == use_case.period and use_case.calendar.column_type == TIMESTAMP
        require(kinds != [TIMESTAMP] or is_hour, problem, field="keys")


def _check_columns(use_case: UseCase) -> None:
    own = [name for name in use_case.features if name not in use_case.keys]
    taken = {VERSION_COLUMN, *(name.casefold() for name in use_case.task.prediction_columns)}
    require_columns(use_case.keys, "keys", also_taken=taken)
    require_columns(own, "features")
    require_columns([use_case.label.name], "label.name", also_taken=taken)
    require_distinct_columns((*use_case.keys, *own, use_case.label.name), "features")
    require_features(use_case.features)


def _check_task(use_case: UseCase) -> None:
    """Report features of the task that are not declared, and limits that do not fit."""
    task, features = use_case.task, use_case.features
    stray = [name for name in task.features_read if features.get(name, CATEGORY) == CATEGORY]
    problem = f"the task reads {stray}, which are no features that are numbers."
    require(not stray, problem, field="task", hint=did_you_mean(stray, features))
    _check_season(use_case)
    for limit in sound(use_case.monitoring.limits):
        _require_of_task(use_case, limit.metric, limit.subject, f"the limit {limit}", "monitoring")


def _check_season(use_case: UseCase) -> None:
    """Report a season that reaches beyond the data."""
    lag, last = use_case.season_lag, use_case.last_period
    if lag is None or last is None or last < use_case.first_period:
        return
    known = last - use_case.first_period
    problem = (
        f"the seasonal baseline needs labels of {lag} periods earlier, and the data have {known + 1} periods, from"
        f" {use_case.first_period} to {last}."
    )
    require(lag <= known, problem, field="task.season", hint="Declare a shorter season, or none.")


def _require_of_task(use_case: UseCase, metric: str, subject: str, say: str, field: str) -> None:
    task = use_case.task
    problem = f"{say}: {metric!r} is not a metric of {type(task).__name__}; there are {list(task.metrics)}."
    require(metric in task.metrics, problem, field=field, hint=f"Write {task.main_metric!r}.")
    problem = f"{say}: {subject!r} is not a baseline of {type(task).__name__}; there are {list(task.baselines)}."
    require(subject in ("model", *task.baselines), problem, field=field, hint=f"Write {task.baselines[0]!r}.")


def _check_feature_types(use_case: UseCase) -> None:
    for name, kind in use_case.features.items():
        problem = f"feature {name!r} has the type {kind!r}; features must be numbers, bool or {CATEGORY!r}."
        hint = f"Write {CATEGORY!r}." if kind == "string" else did_you_mean(kind, FEATURE_TYPES, most=3)
        require(kind in FEATURE_TYPES, problem, field=f"features[{name!r}]", hint=hint)


def _check_equal_types(use_case: UseCase) -> None:
    """Report a feature with the name of a key but another type.

    Table `features` has one column of that name.
    """
    stored = {name: stored_type(kind) for name, kind in use_case.features.items()}
    other = {n: (kind, stored[n]) for n, kind in use_case.key_types().items() if stored.get(n, kind) != kind}
    problem = f"a key that is also a feature must have the same type in both places; these differ: {other}."
    require(not other, problem, field="features", hint="Rename these.")


def _check_baseline(use_case: UseCase) -> None:
    stray = sorted(set(use_case.training.baseline_features) - set(use_case.features))
    hint = did_you_mean(stray, use_case.features)
    require(not stray, f"baseline_features {stray} are not features.", field="training.baseline_features", hint=hint)
    training = use_case.training
    for name, say in [(training.sample_weight, "sample_weight"), *((each, "monotone") for each in training.monotone)]:
        is_number = name is None or use_case.features.get(name, CATEGORY) != CATEGORY
        problem = f"{say} names {name!r}, which is no feature that is a number."
        require(is_number, problem, field=f"training.{say}", hint=did_you_mean(name, use_case.features))
    reason = use_case.task.not_monotone if training.monotone else ""
    require(not reason, f"monotone does not fit the task: {reason}.", field="training.monotone")


def _check_period(use_case: UseCase) -> None:
    require_period(
        use_case.period, use_case.key_types(), (*use_case.features, use_case.label.name), use_case.calendar.column_type
    )


def _check_exports(use_case: UseCase) -> None:
    columns = (*use_case.keys, *use_case.task.prediction_columns, VERSION_COLUMN)
    require_exports(sound(use_case.exports), columns)


def _check_gates(use_case: UseCase) -> None:
    training = use_case.training
    with report_below("gates"):
        limits = GateLimits(
            use_case.slice_columns(),
            training.test_periods,
            training.rebuildable_periods,
            use_case.task,
            use_case.calendar.unit,
        )
        require_gates(sound(use_case.gates), limits)
