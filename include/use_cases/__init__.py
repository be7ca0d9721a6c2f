"""Every declared use case, found by its package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping

from include import settings
from include.errors import BadRequest
from include.use_case import UseCase


def all_use_cases() -> Mapping[str, UseCase]:
    """Name to declaration of each `USE_CASE` in the packages that the settings name, in order of names."""
    found, broken = importable()
    for error in broken.values():
        raise error
    return found


def importable() -> tuple[Mapping[str, UseCase], Mapping[str, Exception]]:
    """As `all_use_cases`, for whoever shows the others although one is broken; and the last name of each module, or
    package, that cannot be imported, to the reason."""
    found: dict[str, UseCase] = {}
    broken: dict[str, Exception] = {}
    for module in _modules(broken):
        name = module.rpartition(".")[2]
        try:
            use_case = getattr(importlib.import_module(module), "USE_CASE", None)
        except Exception as error:  # whatever a module of another's does when it is imported
            broken[name] = error
            continue
        if isinstance(use_case, UseCase):
            if use_case.name in found:
                broken[name] = ValueError(f"Two use cases are called {use_case.name!r}; rename one.")
            found.setdefault(use_case.name, use_case)
    return dict(sorted(found.items())), broken


def _modules(broken: dict[str, Exception]) -> Iterator[str]:
    """Names of the members of every package; of a package that cannot be imported, the reason among the `broken`."""
    for package in settings.current().use_case_packages:
        try:
            members = list(pkgutil.iter_modules(importlib.import_module(package).__path__))
        except Exception as error:  # as above
            broken[package.rpartition(".")[2]] = error
            continue
        yield from (f"{package}.{member.name}" for member in members)


def load(name: str) -> UseCase:
    """The use case of that name; BadRequest, with the names there are, if there is none."""
    known = all_use_cases()
    if name not in known:
        raise BadRequest(f"There is no use case {name!r}; there are {sorted(known)}.")
    return known[name]
