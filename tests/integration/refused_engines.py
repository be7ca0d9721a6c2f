"""Let the local engine raise for a use case, in every process that imports its declaration."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any


def refuse(module: str, function: str, use_case: str) -> None:
    """Let a function, whose first argument is the declaration, raise for this use case once its module is imported.

    The module itself is not imported: a declaration must stay light.
    """
    if module in sys.modules:
        _replace(sys.modules[module], function, use_case)
    else:
        sys.meta_path.insert(0, _Finder(module, function, use_case))


def _replace(module: ModuleType, name: str, use_case: str) -> None:
    function = getattr(module, name)

    @functools.wraps(function)
    def refusing(declared: Any, *args: Any, **kwargs: Any) -> Any:
        assert declared.name != use_case, f"{use_case} was computed in this process"
        return function(declared, *args, **kwargs)

    setattr(module, name, refusing)


class _Finder(importlib.abc.MetaPathFinder):
    """Replaces the function right after its module was executed."""

    def __init__(self, module: str, function: str, use_case: str) -> None:
        self.module, self.function, self.use_case = module, function, use_case

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert found is not None and found.loader is not None
        execute = found.loader.exec_module

        def execute_and_replace(module: ModuleType) -> None:
            execute(module)
            _replace(module, self.function, self.use_case)

        found.loader.exec_module = execute_and_replace  # type: ignore[method-assign]
        return found
