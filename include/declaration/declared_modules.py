"""Import the modules of a package that declare use cases or feature groups.

A module that cannot be imported raises one error, which names file and line.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Protocol, TypeVar

from include import settings
from include.declaration.origin import file_and_line
from include.declaration.problems import DeclarationError, keep_problems
from include.errors import BrokenUseCaseError


class Declaration(Protocol):
    """A use case or a feature group, as far as its discovery reads it."""

    @property
    def package(self) -> str: ...

    def declare_in(self, module: str) -> None: ...


T = TypeVar("T", bound=Declaration)


def declared_in(module: str, attribute: str, kind: type[T], kind_name: str) -> T | None:
    """Return the object of this kind that a module declares; None if it declares none.

    `kind_name` is the name of its class in the texts.

    Raises:
        BrokenUseCaseError: the module cannot be imported, or the attribute is of another kind.
    """
    with translate_errors(module):
        imported = _import_whole(module)
        found = getattr(imported, attribute, None)
        if found is None:
            return None
        if not isinstance(found, kind):
            raise _refused(module, f"{attribute} is a {type(found).__name__}; it must be a {kind_name}")
        found.declare_in(module)
        if found.package == module and not hasattr(imported, "__path__"):
            raise _refused(
                module,
                "it is declared in a single file, without a package for its functions. Make it a folder with"
                " __init__.py, source.py, expectations.py and features.py, or name their package:"
                f" {kind_name}(package=…)",
            )
        return found


def members(package: str) -> list[str]:
    """Return the names of the modules in a package.

    Raises:
        BrokenUseCaseError: the package cannot be imported.
    """
    with translate_errors(package):
        imported = import_package(package)
        if not hasattr(imported, "__path__"):
            settings_names = "AIRWORTHY_USE_CASE_PACKAGES and AIRWORTHY_FEATURE_GROUP_PACKAGES"
            raise _refused(
                package, f"{package} is a module. {settings_names} must name packages of use cases or groups"
            )
        return [f"{package}.{member.name}" for member in pkgutil.iter_modules(imported.__path__)]


def import_package(package: str) -> ModuleType:
    """Import a package of use cases or feature groups.

    The folder of `AIRWORTHY_USE_CASES` or `AIRWORTHY_FEATURE_GROUPS` is put on Python's path first, at its end.

    Raises:
        ImportError: it cannot be imported, or another package has its name.
    """
    current = settings.current_settings()
    folders = {
        "AIRWORTHY_USE_CASES": current.use_cases_folder,
        "AIRWORTHY_FEATURE_GROUPS": current.feature_groups_folder,
    }
    named = [(setting, folder) for setting, folder in folders.items() if folder is not None and folder.name == package]
    if not named:
        return importlib.import_module(package)
    setting, folder = named[0]
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))
        importlib.invalidate_caches()
    imported = importlib.import_module(package)
    if str(folder) not in map(str, getattr(imported, "__path__", [])):
        raise ImportError(
            f"the name of the folder {folder} is that of another package, {getattr(imported, '__file__', None)}. Rename"
            f" it, and set {setting} to the new name"
        )
    return imported


def _import_whole(module: str) -> ModuleType:
    """Import a use case's module, and raise all problems of its declaration.

    If there are any, the module and its submodules are imported again the next time, since they may hold invalid
    objects.
    """
    try:
        with keep_problems() as unused:
            imported = importlib.import_module(module)
        if problems := unused():
            raise BrokenUseCaseError(last_part(module), module, file_of(module), DeclarationError(problems, module))
    except (DeclarationError, BrokenUseCaseError):
        for name in [*sys.modules]:
            if name == module or name.startswith(f"{module}."):
                del sys.modules[name]
        raise
    return imported


@contextmanager
def translate_errors(module: str) -> Iterator[None]:
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
        raise BrokenUseCaseError(last_part(module), module, where, error) from error


def is_meant_for_the_process(error: BaseException) -> bool:
    """Return whether a person or Airflow ended the process.

    Airflow's time limits are no Exception.
    """
    if isinstance(error, Exception | SystemExit):
        return False
    return isinstance(error, KeyboardInterrupt) or str(type(error).__module__).startswith("airflow")


def _refused(module: str, reason: str) -> BrokenUseCaseError:
    return BrokenUseCaseError(last_part(module), module, file_of(module), TypeError(reason))


def file_of(module: str) -> str:
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
        return Path(paths[0]) / last_part(module) if paths else None
    return None


def last_part(module: str) -> str:
    return module.rpartition(".")[2]
