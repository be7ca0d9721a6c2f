"""Check that feeds, calendar, keys and features are consistent, after their types.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, get_args

from include.declaration import clock
from include.declaration.calendar_rules import require_feeds_of_calendar
from include.declaration.column_types import CATEGORY, COLUMN_TYPES, TIMESTAMP, stored_type
from include.declaration.engines import Engine
from include.declaration.landing import require_apart
from include.declaration.names import require_feeds, require_use_case
from include.declaration.period import Period
from include.declaration.period_column import require_period
from include.declaration.problems import did_you_mean, require, sound

if TYPE_CHECKING:
    from include.declaration.data_declaration import DataDeclaration

FEATURE_TYPES = COLUMN_TYPES - {"string", "date32", TIMESTAMP} | {CATEGORY}


def check_data(declared: DataDeclaration, name: str, unusable: Collection[str] = ()) -> None:
    """Report inconsistencies of what use cases and feature groups both declare.

    `name` is the declared name; `unusable` is as for `check_use_case`.
    """
    if {"name", "owner"}.isdisjoint(unusable):
        require_use_case(name, declared.owner)
    checks = (
        (_check_memory, {"memory_gb"}),
        (_check_periods, {"time_zone", "first_period", "last_period", "look_back_periods", "calendar"}),
        (_check_feeds, {"feeds", "first_period"}),
        (require_feeds_of_calendar, {"feeds", "first_period", "calendar"}),
        (_check_keys, {"feeds", "keys", "calendar"}),
        (_check_feature_types, {"features"}),
        (_check_personal, {"feeds", "features"}),
        (_check_equal_types, {"feeds", "keys", "features"}),
        (_check_period, {"period", "feeds", "keys", "features", "calendar"}),
        (_check_engine, {"engine"}),
    )
    for check, reads in checks:
        if reads.isdisjoint(unusable):
            check(declared)


def _check_memory(declared: DataDeclaration) -> None:
    require(declared.memory_gb >= 0, "memory_gb must be at least 0.", field="memory_gb")


def _check_periods(declared: DataDeclaration) -> None:
    require(declared.look_back_periods >= 0, "look_back_periods must be at least 0.", field="look_back_periods")
    if clock.require_time_zone(declared.time_zone):
        _require_period(declared, declared.first_period, "first_period")
        _require_period(declared, declared.last_period, "last_period")
    if declared.last_period and declared.last_period.unit is not declared.first_period.unit:
        return
    ordered = declared.last_period is None or declared.last_period >= declared.first_period
    require(
        ordered,
        f"last_period {declared.last_period} is before first_period {declared.first_period}.",
        field="last_period",
    )


def _require_period(declared: DataDeclaration, period: Period | None, field: str) -> None:
    """Report a period of another calendar, and one that the time zone skipped."""
    if period is None:
        return
    calendar = declared.calendar
    problem = f"{field} {period} is none of the calendar {calendar}."
    hint = f'Write {calendar.unit.form}: Period("{calendar.example}").'
    if require(calendar.contains(period), problem, field=field, hint=hint):
        exists = declared.decision_time_if_any(period) is not None
        problem = f"{field} {period} does not exist in {declared.time_zone}, which skipped it."
        require(exists, problem, field=field)


def _check_feeds(declared: DataDeclaration) -> None:
    require_feeds([feed.name for feed in declared.feeds])
    landings = {feed.name: feed.landing for feed in declared.feeds if feed.landing and sound([feed.landing])}
    require_apart(landings, declared.first_period)


def _check_keys(declared: DataDeclaration) -> None:
    require(bool(declared.keys), "declare the keys of a row.", field="keys")
    columns = {column for feed in declared.feeds for column in feed.columns}
    for key in declared.keys:
        kinds = sorted({feed.columns[key] for feed in declared.feeds if key in feed.columns})
        hint = "" if kinds else did_you_mean(key, columns)
        require(
            len(kinds) == 1, f"key {key!r} must have one type in all feeds; it has {kinds}.", field="keys", hint=hint
        )
        problem = f"key {key!r} is a timestamp; identify a row by a date or a number."
        is_hour = key == declared.period and declared.calendar.column_type == TIMESTAMP
        require(kinds != [TIMESTAMP] or is_hour, problem, field="keys")


def _check_feature_types(declared: DataDeclaration) -> None:
    for name, kind in declared.features.items():
        problem = f"feature {name!r} has the type {kind!r}; features must be numbers, bool or {CATEGORY!r}."
        hint = f"Write {CATEGORY!r}." if kind == "string" else did_you_mean(kind, FEATURE_TYPES, most=3)
        require(kind in FEATURE_TYPES, problem, field=f"features[{name!r}]", hint=hint)


def _check_personal(declared: DataDeclaration) -> None:
    """Report a personal column that is a feature.

    The model's files and plots would show its values.
    """
    named = sorted(declared.personal_columns & set(declared.features))
    problem = f"features {named} are columns that a feed declares personal, and a model keeps values of its features."
    require(not named, problem, field="features", hint="Build a feature of another name that identifies no person.")


def _check_equal_types(declared: DataDeclaration) -> None:
    """Report a feature with the name of a key but another type.

    Table `features` has one column of that name.
    """
    stored = {name: stored_type(kind) for name, kind in declared.features.items()}
    other = {n: (kind, stored[n]) for n, kind in declared.key_types().items() if stored.get(n, kind) != kind}
    problem = f"a key that is also a feature must have the same type in both places; these differ: {other}."
    require(not other, problem, field="features", hint="Rename these.")


def _check_period(declared: DataDeclaration) -> None:
    require_period(declared.period, declared.key_types(), declared.features, declared.calendar.column_type)


def _check_engine(declared: DataDeclaration) -> None:
    engines = get_args(Engine)
    problem = f"engine must be one of {engines}, not {declared.engine!r}."
    require(declared.engine in engines, problem, field="engine", hint=did_you_mean(declared.engine, engines))
