"""Declare a feature group: features that several use cases share.

Imports nothing heavy: DAG files read declarations when they are parsed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from include.declaration.consistency import check_data
from include.declaration.feature import as_feature
from include.declaration.feature_group_discovery import GroupDeclaration
from include.declaration.feature_groups import Use
from include.declaration.field_types import wrong_field_types
from include.declaration.names import GROUP_PREFIX, require_columns, require_distinct_columns
from include.declaration.origin import declaring_module
from include.declaration.period_column import PARTITION
from include.declaration.problems import declared_whole, require
from include.declaration.span import count_spans
from include.declaration.task import Binary, Task
from include.declaration.use_case import Label, Training, UseCase
from include.evaluation.gates.base import BaseGate

_NO_LABEL = Label("", "", label_delay_periods=1)
_NO_TRAINING = Training(
    window_periods=3,
    validation_periods=1,
    test_periods=1,
    gap_periods=0,
    min_train_periods=1,
    parameters={},
    num_boost_round=1,
    early_stopping_rounds=1,
)


@declared_whole
@dataclass(frozen=True)
class FeatureGroup(UseCase, GroupDeclaration):
    """Features that are declared once, built once, and used by several use cases.

    A group is a use case that ends with its features: the same steps land, validate and build its tables, and it has no
    label, model or predictions. Its functions are in modules of `package`: `source.<feed>(period)`,
    `expectations.<feed>() -> Suite` and `features.build(period, **feeds)`. It runs under the name
    `feature_group_<group>`, which begins the names of its DAGs.
    """

    features: Mapping[str, str]
    """Feature name to `Feature(type, description=…)`: every feature of a group has a description."""
    description: str = ""
    """What the group is about, and how its rows are identified. Required."""
    objective: str = field(init=False, default="")
    label: Label = field(init=False, default=_NO_LABEL)
    task: Task = field(init=False, default_factory=Binary)
    training: Training = field(init=False, default=_NO_TRAINING)
    gates: tuple[BaseGate, ...] = field(init=False, default=())
    feature_groups: tuple[Use, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        unusable = wrong_field_types(self)
        for name in {"features", "links"} - unusable:
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        object.__setattr__(self, "_names_its_package", bool(self.package))
        object.__setattr__(self, "_declared_in", declaring_module())
        if not self.package:
            object.__setattr__(self, "package", self.declared_in)
        object.__setattr__(self, "objective", self.description)
        if "calendar" not in unusable:
            count_spans(self, self.calendar.count, in_place=True)
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

    @property
    def has_labels(self) -> bool:
        """Return that no label becomes known."""
        return False


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
