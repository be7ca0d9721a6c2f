"""Find and load the declared feature groups.

A broken one does not affect the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from include import settings
from include.declaration import declared_modules
from include.declaration.declared_modules import file_of, last_part
from include.declaration.feature_group import FeatureGroup
from include.declaration.names import GROUP_PREFIX
from include.declaration.problems import did_you_mean
from include.errors import BrokenUseCaseError, InvalidRequestError


def group_name(name: str) -> str | None:
    """Return the group whose DAGs have this prefix; None if it is that of a use case."""
    return name.removeprefix(GROUP_PREFIX) if name.startswith(GROUP_PREFIX) else None


def all_feature_groups() -> Mapping[str, FeatureGroup]:
    """Return the feature groups that can be loaded, by name, sorted."""
    return discover()[0]


def broken_feature_groups() -> Mapping[str, BrokenUseCaseError]:
    """Return the errors of feature groups that cannot be loaded.

    They are by the prefix of the group's DAGs.
    """
    return {f"{GROUP_PREFIX}{name}": error for name, error in discover()[1].items()}


def discover() -> tuple[Mapping[str, FeatureGroup], Mapping[str, BrokenUseCaseError]]:
    """Return the feature groups of the configured packages, and broken ones' errors.

    Both are by the name of the group's module.
    """
    groups: dict[str, FeatureGroup] = {}
    broken: dict[str, BrokenUseCaseError] = {}
    for package in settings.current_settings().feature_group_packages:
        try:
            modules = declared_modules.members(package)
        except BrokenUseCaseError as error:
            broken[package] = error
            continue
        for module in modules:
            name = last_part(module)
            try:
                group = _declared_in(module)
                if group is not None and name in groups:
                    raise _twice(module, groups[name].package)
            except BrokenUseCaseError as error:
                broken[module if name in broken else name] = error
            else:
                groups |= {name: group} if group is not None else {}
    return dict(sorted(groups.items())), dict(sorted(broken.items()))


def load_feature_group(name: str) -> FeatureGroup:
    """Return the feature group that the module of that name declares.

    Only modules of this name are imported, so that other groups cannot stop a task.

    Raises:
        InvalidRequestError: there is no such group; the message lists the existing ones.
        BrokenUseCaseError: it cannot be loaded; the message names file and line.
    """
    known: list[str] = []
    for package in settings.current_settings().feature_group_packages:
        with suppress(BrokenUseCaseError):
            known += declared_modules.members(package)
    for module in known:
        if last_part(module) == name and (group := _declared_in(module)) is not None:
            return group
    names = sorted(map(last_part, known))
    hint = did_you_mean(name, names)
    raise InvalidRequestError(f"There is no feature group {name!r}. Feature groups: {names}. {hint}".strip())


def _declared_in(module: str) -> FeatureGroup | None:
    """Return the `FEATURE_GROUP` of a module; None if it declares none.

    Raises:
        BrokenUseCaseError: the module cannot be imported, or the group has another name than the module.
    """
    found = declared_modules.declared_in(module, "FEATURE_GROUP", FeatureGroup, "FeatureGroup")
    if found is not None and found.group != last_part(module):
        reason = f"the group is named {found.group!r}; give it the name of its folder, {last_part(module)!r}"
        raise BrokenUseCaseError(last_part(module), module, file_of(module), ValueError(reason))
    return found


def _twice(module: str, other: str) -> BrokenUseCaseError:
    reason = ValueError(f"{module} and {other} declare a feature group of the same name. Rename one")
    return BrokenUseCaseError(last_part(module), module, file_of(module), reason)
