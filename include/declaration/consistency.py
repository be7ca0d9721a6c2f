"""Check that the parts of a use case are consistent, after their types.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from include.declaration.calendar_rules import require_exports_of_calendar
from include.declaration.column_types import CATEGORY
from include.declaration.data_consistency import check_data
from include.declaration.exports import require_exports
from include.declaration.feature_groups import check_feature_groups
from include.declaration.names import VERSION_COLUMN, require_columns, require_distinct_columns, require_features
from include.declaration.period_column import PARTITION, require_not_labelled_period
from include.declaration.problems import did_you_mean, report_below, require, sound
from include.evaluation.gates import require_gates
from include.evaluation.gates.base import GateLimits

if TYPE_CHECKING:
    from include.declaration.use_case import UseCase


def check_use_case(use_case: UseCase, unusable: Collection[str] = ()) -> None:
    """Report every inconsistency of a use case.

    `unusable` are fields whose values have a wrong type: checks that read one of them are skipped.
    """
    check_data(use_case, use_case.name, unusable)
    checks = (
        (_check_schedules, {"calendar", "training", "score_schedule"}),
        (require_exports_of_calendar, {"exports", "first_period", "calendar"}),
        (_check_columns, {"keys", "features", "label", "task", "period"}),
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


def _check_schedules(use_case: UseCase) -> None:
    """Report schedules that are finer than the calendar."""
    schedules = {"training.schedule": use_case.training.schedule, "score_schedule": use_case.score_schedule}
    for field, schedule in schedules.items():
        fits = schedule is None or not schedule.is_finer_than(use_case.calendar)
        problem = f"{field}={schedule} is finer than the calendar {use_case.calendar}."
        require(fits, problem, field=field, hint="A run is for one period: declare a calendar that is as coarse.")


def _check_columns(use_case: UseCase) -> None:
    own = [name for name in use_case.features if name not in use_case.keys]
    taken = {VERSION_COLUMN, *(name.casefold() for name in use_case.task.prediction_columns)}
    require_columns(use_case.keys, "keys", also_taken=taken)
    require_columns(own, "features")
    require_columns([use_case.label.name], "label.name", also_taken=taken)
    if use_case.period == PARTITION:
        require_not_labelled_period([use_case.label.name], "label.name")
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
