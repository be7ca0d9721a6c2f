"""Locate errors in a use case's files, and the module that declares a use case."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from include.declaration.problems import did_you_mean
from include.errors import BrokenUseCaseError
from include.settings import REPOSITORY

DECLARATIONS = ("include.declaration.use_case", "include.declaration", "dataclasses", "copy")
"""Modules that build a declaration on behalf of the module that declares it."""


def declaring_module() -> str:
    """Return the name of the module that is building a declaration, or ""."""
    frame = inspect.currentframe()
    while frame is not None and _builds_declarations(str(frame.f_globals.get("__name__", ""))):
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def _builds_declarations(module: str) -> bool:
    # Compares whole names: include.use_cases is not part of include.declaration.use_case.
    return any(module == name or module.startswith(f"{name}.") for name in DECLARATIONS)


def find_function(use_case: str, package: str, module: str, name: str) -> Callable[..., Any] | None:
    """Return a function of a use case's package; None if there is none.

    A module whose text does not have the name is not imported, since that may take seconds.

    Raises:
        BrokenUseCaseError: the module cannot be imported.
    """
    if f"{package}.{module}" not in sys.modules and not _may_define(f"{package}.{module}", name):
        return None
    loaded = _import(use_case, package, module)
    function = getattr(loaded, name, None)
    return function if callable(function) else None


def _may_define(module: str, name: str) -> bool:
    """Return whether the text of a module has the name, or a star import."""
    try:
        found = importlib.util.find_spec(module)
        text = Path(found.origin).read_text(encoding="utf-8") if found and found.origin else ""
    except (ImportError, ValueError, OSError):
        return True  # importing it raises an error that says why
    return re.search(rf"\b{re.escape(name)}\b|import \*", text) is not None


def load_function(use_case: str, package: str, module: str, name: str) -> Callable[..., Any]:
    """Return a function of a use case's package.

    Raises:
        BrokenUseCaseError: the module cannot be imported, or has no such function.
    """
    full, loaded = f"{package}.{module}", _import(use_case, package, module)
    function: Any = getattr(loaded, name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    functions = [attribute for attribute, value in vars(loaded).items() if callable(value)]
    hint = f". {did_you_mean(name, functions)}".rstrip(". ")
    missing = AttributeError(f"{full} has no function {name!r}, which the use case needs{hint}")
    raise BrokenUseCaseError(use_case, full, str(loaded.__file__ or ""), missing)


def _import(use_case: str, package: str, module: str) -> ModuleType:
    """Import a module of a use case's package.

    Raises:
        BrokenUseCaseError: the module cannot be imported.
    """
    full = f"{package}.{module}"
    try:
        return importlib.import_module(full)
    except (Exception, SystemExit) as error:
        folder = next(iter(getattr(sys.modules.get(package), "__path__", [])), None)
        where = file_and_line(error, Path(folder) if folder else None)
        raise BrokenUseCaseError(use_case, full, where, error) from error


def file_and_line(error: BaseException, folder: Path | None = None) -> str:
    """Return `file:line` of an error, if possible within `folder`.

    It is the innermost line within `folder`, or else the innermost with a file. A syntax error names its own file. A
    path in the repository is relative to it.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename)}:{error.lineno or 1}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    within = [frame for frame in frames if folder is not None and _lies_in(Path(frame.filename), folder)]
    chosen = (within or frames)[-1:]
    return f"{_shown(chosen[0].filename)}:{chosen[0].lineno}" if chosen else ""


def _lies_in(path: Path, folder: Path) -> bool:
    """Return whether a file is in a folder, or is the single-file module of that name."""
    return path.is_relative_to(folder) or path == folder.with_name(f"{folder.name}.py")


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
