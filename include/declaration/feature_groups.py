"""Declare which features of shared groups a use case uses, and check the join.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from include.declaration.column_types import stored_type
from include.declaration.feature import Feature, as_feature, own_features
from include.declaration.feature_group import FeatureGroup
from include.declaration.feature_group_discovery import load_feature_group
from include.declaration.field_types import require_field_types
from include.declaration.period import Period
from include.declaration.problems import declared, did_you_mean, require, sound
from include.errors import AirworthyError

if TYPE_CHECKING:
    from include.declaration.data_declaration import DataDeclaration
    from include.declaration.use_case import UseCase


@declared
@dataclass(frozen=True)
class Use:
    """The use of a feature group by a use case.

    Its features are joined to those that `build` returns. A row of period D gets the row of the group's newest period
    that was known at the decision time of D, which is the group's period D if both have the same time zone. Without
    such a row, the features are null.
    """

    name: str
    """The group: the name of its folder."""
    on: tuple[str, ...]
    """Keys or own features of the use case that equal the group's keys, in their order, without its period."""
    features: tuple[str, ...] = ()
    """Features of the group; empty: all."""
    prefix: str = ""
    """Text before the names of the joined features, such as `origin_`; a group can be used twice with two prefixes."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"Use({self.name!r}): "
        require(bool(self.on), say + "name the columns to join on.", field="on")
        repeated = sorted({name for name in self.features if self.features.count(name) > 1})
        require(not repeated, f"{say}features {repeated} occur more than once.", field="features")

    def chosen(self, group: FeatureGroup) -> tuple[str, ...]:
        """Return the names of the used features in the group."""
        return self.features or tuple(group.features)


def known_period(group: DataDeclaration, use_case: DataDeclaration, period: Period) -> Period:
    """Return the group's newest period that is known at the decision time of `period`.

    `period` is one of the use case. The decision time of the returned period is not after that of `period`.
    """
    return group.calendar.period_at(use_case.decision_time(period), ZoneInfo(group.time_zone))


def with_group_features(features: Mapping[str, str], uses: Sequence[Use]) -> dict[str, str]:
    """Return the own features, followed by those of the used groups.

    Reported are groups that cannot be loaded, features that a group lacks, and names that occur twice.
    """
    joined = own_features(features)
    for place, use in enumerate(uses):
        group = _loaded(use, f"feature_groups[{place}]") if sound([use]) else None
        if group is None:
            continue
        say, field = f"Use({use.name!r}): ", f"feature_groups[{place}].features"
        stray = [name for name in use.features if name not in group.features]
        problem = f"{say}the group has no features {stray}; it has {[*group.features]}."
        require(not stray, problem, field=field, hint=did_you_mean(stray, group.features))
        named = {f"{use.prefix}{name}": name for name in use.chosen(group) if name in group.features}
        twice = sorted(named.keys() & joined.keys())
        problem = f"{say}the use case has other features named {twice}."
        require(not twice, problem, field=field, hint="Give the group's features a prefix, such as prefix='group_'.")
        joined |= {name: _joined(group, column) for name, column in named.items() if name not in joined}
    return joined


def _joined(group: FeatureGroup, column: str) -> Feature:
    declared_as = as_feature(group.features[column])
    owner = declared_as.owner or group.owner
    return Feature(declared_as, description=declared_as.description, owner=owner, group=group.group, column=column)


def _loaded(use: Use, field: str) -> FeatureGroup | None:
    try:
        return load_feature_group(use.name)
    except AirworthyError as error:
        require(False, f"Use({use.name!r}): {error}", field=field)
        return None


def check_feature_groups(use_case: UseCase) -> None:
    """Report uses whose rows or periods cannot be joined."""
    for place, use in enumerate(use_case.feature_groups):
        try:
            group = load_feature_group(use.name) if sound([use]) else None
        except AirworthyError:  # it is reported with the features
            continue
        if group is not None:
            _check_columns(use_case, use, group, f"feature_groups[{place}].on")
            if _is_zone(use_case.time_zone):
                _check_periods(use_case, use, group, f"feature_groups[{place}]")


def _is_zone(name: str) -> bool:
    """Return whether a time zone exists; if not, it is reported with the other fields."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _check_columns(use_case: UseCase, use: Use, group: FeatureGroup, field: str) -> None:
    keys, say = group.entity_keys, f"Use({use.name!r}): "
    problem = f"{say}on={use.on} must name one column for each key of the group but its period: {keys}."
    if not require(len(use.on) == len(keys), problem, field=field):
        return
    taken = [name for name in use_case.keys if as_feature(use_case.features.get(name, "")).group == group.group]
    problem = f"{say}keys of the use case are named {taken}, like features of the group."
    require(not taken, problem, field=field, hint="Give the group's features a prefix.")
    own = use_case.own_features | use_case.key_types()
    types = group.key_types()
    for column, key in zip(use.on, keys, strict=True):
        hint = did_you_mean(column, own)
        if require(column in own, f"{say}{column!r} is no key or own feature.", field=field, hint=hint):
            kind = stored_type(own[column])
            problem = f"{say}{column!r} is {kind}, and the group's key {key!r} is {types.get(key)}."
            require(kind == types.get(key, kind), problem, field=field, hint="Give both the same type.")


def _check_periods(use_case: UseCase, use: Use, group: FeatureGroup, field: str) -> None:
    say = f"Use({use.name!r}): "
    first = known_period(group, use_case, use_case.first_period)
    problem = (
        f"{say}the first period {use_case.first_period} needs the group's period {first}, but the group begins on"
        f" {group.first_period}."
    )
    hint = "Declare a later first_period of the use case, or an earlier one of the group."
    require(first >= group.first_period, problem, field=field, hint=hint)
    last = None if use_case.last_period is None else known_period(group, use_case, use_case.last_period)
    ends_later = group.last_period is None or (last is not None and last <= group.last_period)
    problem = f"{say}the group ends on {group.last_period}, before the use case."
    require(ends_later, problem, field=field, hint="Declare an earlier last_period of the use case.")
