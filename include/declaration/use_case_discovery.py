"""Find and load the declared use cases; a broken one does not affect the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress

from include import settings
from include.declaration import declared_modules, feature_group_discovery
from include.declaration.data_declaration import DataDeclaration
from include.declaration.declared_modules import file_of, last_part
from include.declaration.problems import did_you_mean
from include.declaration.use_case import UseCase
from include.errors import BrokenUseCaseError, DuplicateUseCaseError, UseCaseUnknownError


def all_use_cases() -> Mapping[str, UseCase]:
    """Return the use cases that can be loaded, by name, sorted."""
    return discover()[0]


def broken_use_cases() -> Mapping[str, BrokenUseCaseError]:
    """Return the errors of use cases that cannot be loaded, by module name.

    The name is the last part of the module's.
    """
    return discover()[1]


def discover() -> tuple[Mapping[str, UseCase], Mapping[str, BrokenUseCaseError]]:
    """Return the use cases of the configured packages, and broken ones' errors.

    Both are by name. If several modules declare one name, the module with that name keeps it.
    """
    declared: dict[str, dict[str, UseCase]] = defaultdict(dict)
    broken: dict[str, BrokenUseCaseError] = {}
    for package in settings.current_settings().use_case_packages:
        try:
            modules = declared_modules.members(package)
        except BrokenUseCaseError as error:
            _add(broken, error)
            continue
        for module in modules:
            try:
                declaration = _declared_in(module)
            except BrokenUseCaseError as error:
                _add(broken, error)
                continue
            if declaration is not None:
                name, use_case = declaration
                declared[name][module] = use_case
    use_cases = {}
    for name, modules_of in declared.items():
        owners = [module for module in modules_of if last_part(module) == name] if len(modules_of) > 1 else modules_of
        owner = next(iter(owners)) if len(owners) == 1 else None
        if owner is not None:
            use_cases[name] = modules_of[owner]
        for module in modules_of.keys() - {owner}:
            twice = DuplicateUseCaseError(name, modules_of)
            _add(broken, BrokenUseCaseError(last_part(module), module, file_of(module), twice))
    return dict(sorted(use_cases.items())), dict(sorted(broken.items()))


def load_use_case(name: str) -> UseCase:
    """Return the use case of that name.

    If one module has that name, only this module is imported, so that other use cases cannot stop a task.

    Raises:
        UseCaseUnknownError: there is no such use case; the message lists the existing ones.
        BrokenUseCaseError: it cannot be loaded; the message names file and line.
    """
    if len(own := _own_modules(name)) == 1:
        declared = _declared_in(own[0])
        if declared is not None and declared[0] == name:
            return declared[1]
    known, broken = discover()
    if name in known:
        return known[name]
    if name in broken:
        raise broken[name]
    raise UseCaseUnknownError(name, known, broken, did_you_mean(name, known))


def load_declaration(name: str) -> DataDeclaration:
    """Return the use case of that name, or the feature group whose DAGs begin with it.

    Raises:
        InvalidRequestError: there is no such use case or feature group; the message lists the existing ones.
        BrokenUseCaseError: it cannot be loaded; the message names file and line.
    """
    group = feature_group_discovery.group_name(name)
    return load_use_case(name) if group is None else feature_group_discovery.load_feature_group(group)


def _own_modules(name: str) -> list[str]:
    """Return the modules of that name in all packages that can be imported."""
    modules: list[str] = []
    for package in settings.current_settings().use_case_packages:
        with suppress(BrokenUseCaseError):
            modules += [module for module in declared_modules.members(package) if last_part(module) == name]
    return modules


def _declared_in(module: str) -> tuple[str, UseCase] | None:
    """Return the name and the `USE_CASE` of a module; None if it declares none.

    Raises:
        BrokenUseCaseError: the module cannot be imported, or `USE_CASE` is not a UseCase.
    """
    use_case = declared_modules.declared_in(module, "USE_CASE", UseCase, "UseCase")
    return None if use_case is None else (str(use_case.name), use_case)


def _add(broken: dict[str, BrokenUseCaseError], error: BrokenUseCaseError) -> None:
    broken[error.module if error.use_case in broken else error.use_case] = error
