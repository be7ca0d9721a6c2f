"""Every declared use case, found by its package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from include import settings
from include.errors import BadRequest
from include.use_case import UseCase


def all_use_cases() -> Mapping[str, UseCase]:
    """Name to declaration of each `USE_CASE` in the packages that the settings name, in order of names."""
    found: dict[str, UseCase] = {}
    for package in settings.current().use_case_packages:
        for member in pkgutil.iter_modules(importlib.import_module(package).__path__):
            use_case = getattr(importlib.import_module(f"{package}.{member.name}"), "USE_CASE", None)
            if isinstance(use_case, UseCase):
                if use_case.name in found:
                    raise ValueError(f"Two use cases are called {use_case.name!r}; rename one.")
                found[use_case.name] = use_case
    return dict(sorted(found.items()))


def load(name: str) -> UseCase:
    """The use case of that name; BadRequest, with the names there are, if there is none."""
    known = all_use_cases()
    if name not in known:
        raise BadRequest(f"There is no use case {name!r}; there are {sorted(known)}.")
    return known[name]
