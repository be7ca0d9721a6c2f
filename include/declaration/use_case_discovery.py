"""Find and load the declared use cases; a broken one does not affect the others."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from include import settings
from include.declaration.origin import file_and_line
from include.declaration.problems import DeclarationError, did_you_mean, keep_problems
from include.declaration.use_case import UseCase
from include.errors import BrokenUseCaseError, DuplicateUseCaseError, InvalidRequestError


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
            modules = _members(package)
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
        owners = [module for module in modules_of if _last_part(module) == name] if len(modules_of) > 1 else modules_of
        owner = next(iter(owners)) if len(owners) == 1 else None
        if owner is not None:
            use_cases[name] = modules_of[owner]
        for module in modules_of.keys() - {owner}:
            twice = DuplicateUseCaseError(name, modules_of)
            _add(broken, BrokenUseCaseError(_last_part(module), module, _file_of(module), twice))
    return dict(sorted(use_cases.items())), dict(sorted(broken.items()))


def load_use_case(name: str) -> UseCase:
    """Return the use case of that name.

    If one module has that name, only this module is imported, so that other use cases cannot stop a task.

    Raises:
        InvalidRequestError: there is no such use case; the message lists the existing ones.
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
    also = f" These cannot be loaded: {', '.join(broken)}." if broken else ""
    hint = did_you_mean(name, known)
    raise InvalidRequestError(f"There is no use case {name!r}. Use cases: {sorted(known)}.{also} {hint}".strip())


def _own_modules(name: str) -> list[str]:
    """Return the modules of that name in all packages that can be imported."""
    modules: list[str] = []
    for package in settings.current_settings().use_case_packages:
        with suppress(BrokenUseCaseError):
            modules += [module for module in _members(package) if _last_part(module) == name]
    return modules


def _members(package: str) -> list[str]:
    """Return the names of the modules in a package.

    Raises:
        BrokenUseCaseError: the package cannot be imported.
    """
    with _translate_errors(package):
        imported = import_package(package)
        if not hasattr(imported, "__path__"):
            raise _refused(
                package, f"{package} is a module. AIRWORTHY_USE_CASE_PACKAGES must name packages of use cases"
            )
        return [f"{package}.{member.name}" for member in pkgutil.iter_modules(imported.__path__)]


def import_package(package: str) -> ModuleType:
    """Import a package of use cases.

    The one of `AIRWORTHY_USE_CASES` is put on Python's path first, at its end.

    Raises:
        ImportError: it cannot be imported, or another package has its name.
    """
    folder = settings.current_settings().use_cases_folder
    if folder is None or folder.name != package:
        return importlib.import_module(package)
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))
        importlib.invalidate_caches()
    imported = importlib.import_module(package)
    if str(folder) not in map(str, getattr(imported, "__path__", [])):
        raise ImportError(
            f"the name of the folder {folder} is that of another package, {getattr(imported, '__file__', None)}. Rename"
            " it, and set AIRWORTHY_USE_CASES to the new name"
        )
    return imported


def _declared_in(module: str) -> tuple[str, UseCase] | None:
    """Return the name and the `USE_CASE` of a module; None if it declares none.

    Raises:
        BrokenUseCaseError: the module cannot be imported, or `USE_CASE` is not a UseCase.
    """
    with _translate_errors(module):
        imported = _import_whole(module)
        use_case = getattr(imported, "USE_CASE", None)
        if use_case is None:
            return None
        if not isinstance(use_case, UseCase):
            raise _refused(module, f"USE_CASE is a {type(use_case).__name__}; it must be a UseCase")
        use_case.declare_in(module)
        if use_case.package == module and not hasattr(imported, "__path__"):
            raise _refused(
                module,
                "it is declared in a single file, without a package for its functions. Make it a folder with"
                " __init__.py, source.py, expectations.py and features.py, or name their package: UseCase(package=…)",
            )
        return str(use_case.name), use_case


def _import_whole(module: str) -> ModuleType:
    """Import a use case's module, and raise all problems of its declaration.

    If there are any, the module and its submodules are imported again the next time, since they may hold invalid
    objects.
    """
    try:
        with keep_problems() as unused:
            imported = importlib.import_module(module)
        if problems := unused():
            raise BrokenUseCaseError(_last_part(module), module, _file_of(module), DeclarationError(problems, module))
    except (DeclarationError, BrokenUseCaseError):
        for name in [*sys.modules]:
            if name == module or name.startswith(f"{module}."):
                del sys.modules[name]
        raise
    return imported


@contextmanager
def _translate_errors(module: str) -> Iterator[None]:
    """Translate exceptions of a module's import into BrokenUseCaseError.

    Those of reading its attributes are translated too. Not only the import may raise: also `__getattr__`, a property,
    or an object that replaced the module.

    Raises:
        BrokenUseCaseError: the module raised an exception that does not end the process.
    """
    try:
        yield
    except BrokenUseCaseError:
        raise
    except BaseException as error:
        if is_meant_for_the_process(error):
            raise
        where = file_and_line(error, _folder(module))
        raise BrokenUseCaseError(_last_part(module), module, where, error) from error


def is_meant_for_the_process(error: BaseException) -> bool:
    """Return whether a person or Airflow ended the process.

    Airflow's time limits are no Exception.
    """
    if isinstance(error, Exception | SystemExit):
        return False
    return isinstance(error, KeyboardInterrupt) or str(type(error).__module__).startswith("airflow")


def _refused(module: str, reason: str) -> BrokenUseCaseError:
    return BrokenUseCaseError(_last_part(module), module, _file_of(module), TypeError(reason))


def _file_of(module: str) -> str:
    """Return the file of a module; empty if unknown.

    It is unknown for an object that replaced the module.
    """
    with suppress(Exception, SystemExit):
        return str(getattr(sys.modules[module], "__file__", None) or "")
    return ""


def _folder(module: str) -> Path | None:
    """Return the folder of a module that may not be importable, without importing it."""
    with suppress(Exception, SystemExit):
        paths = list(getattr(sys.modules.get(module.rpartition(".")[0]), "__path__", []))
        return Path(paths[0]) / _last_part(module) if paths else None
    return None


def _add(broken: dict[str, BrokenUseCaseError], error: BrokenUseCaseError) -> None:
    broken[error.module if error.use_case in broken else error.use_case] = error


def _last_part(module: str) -> str:
    return module.rpartition(".")[2]
