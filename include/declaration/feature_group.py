"""Declare a feature group: features that several use cases share.

Imports nothing heavy: DAG files read declarations when they are parsed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from include.declaration.data_consistency import check_data
from include.declaration.data_declaration import DataDeclaration
from include.declaration.feature import as_feature
from include.declaration.field_types import wrong_field_types
from include.declaration.names import GROUP_PREFIX, require_columns, require_distinct_columns
from include.declaration.period_column import PARTITION
from include.declaration.problems import declared_whole, require
from include.declaration.span import Span


@declared_whole
@dataclass(frozen=True, kw_only=True)
class FeatureGroup(DataDeclaration):
    """Features that are declared once, built once, and used by several use cases.

    The same steps land, validate and build its tables as those of a use case; it has no label, model or predictions.
    Every feature has a description. Its functions are in modules of `package`: `source.<feed>(period)`,
    `expectations.<feed>() -> Suite` and `features.build(period, **feeds)`. It runs under the name
    `feature_group_<group>`, which begins the names of its DAGs.
    """

    look_back_periods: Span = Span()  # again: mypy takes an inherited field for what may be assigned to it
    description: str
    """What the group is about, and how its rows are identified."""

    def __post_init__(self) -> None:
        unusable = wrong_field_types(self)
        self.freeze(unusable)
        _check(self, unusable)
        if "name" not in unusable:
            object.__setattr__(self, "name", f"{GROUP_PREFIX}{self.group}")

    @property
    def group(self) -> str:
        """Return the name of the group, which is that of its folder."""
        return self.name.removeprefix(GROUP_PREFIX)

    @property
    def entity_keys(self) -> tuple[str, ...]:
        """Return the keys that identify a row within a period."""
        return tuple(key for key in self.keys if key != self.period)


def _check(group: FeatureGroup, unusable: Collection[str]) -> None:
    check_data(group, group.group if "name" not in unusable else "group", unusable)
    if {"features", "keys", "period", "description"} & set(unusable):
        return
    own = [name for name in group.features if name not in group.keys]
    require_columns(group.keys, "keys")
    require_columns(own, "features")
    require_distinct_columns((*group.keys, *own), "features")
    require(bool(group.description.strip()), "describe the group.", field="description")
    for name, kind in group.features.items():
        problem = f"feature {name!r} has no description."
        hint = f"Write Feature({str(kind)!r}, description='…'): what a value means, with its unit."
        require(bool(as_feature(kind).description.strip()), problem, field=f"features[{name!r}]", hint=hint)
    only_period = group.period != PARTITION and not group.entity_keys
    require(not only_period, "a row needs a key besides its period, to be joined on.", field="keys")
