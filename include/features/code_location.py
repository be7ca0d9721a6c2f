"""Find the line of a use case's own code that an error comes from."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.declaration.origin import file_and_line
from include.settings import REPOSITORY


def line_of_error(error: BaseException, function: Callable[..., Any]) -> str:
    """Return `file:line` of the innermost traceback line in the function's folder.

    Without such a line, it is that of the function itself. The traceback of an error raised while a lazy table is
    computed has no line of the use case.
    """
    code = _code(function)
    if code is None:
        return ""
    folder = Path(code.co_filename).parent
    passed = (Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__))
    return file_and_line(error, folder) if any(p.is_relative_to(folder) for p in passed) else line_of_function(function)


def line_of_function(function: Callable[..., Any]) -> str:
    """Return `file:line` where a function begins; empty if it is not in Python."""
    code = _code(function)
    if code is None:
        return ""
    path = Path(code.co_filename)
    return f"{path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path}:{code.co_firstlineno}"


def _code(function: Callable[..., Any]) -> Any:
    return getattr(inspect.unwrap(function), "__code__", None)
