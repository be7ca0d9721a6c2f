"""Two weeks of flights make a champion; every later day is scored in shards, and cannot be scored by one task.

It ends before today, so that no scheduled run comes between.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from include.declaration.period import Period
from include.use_case import Scoring
from tests.end_to_end.use_cases import quick_flights

NAME, SHARD_ROWS = "sharded_flights", 300
USE_CASE = replace(
    quick_flights.USE_CASE, name=NAME, last_period=Period("2013-12-31"), scoring=Scoring(shard_rows=SHARD_ROWS)
)
_SCORE = "include.scoring.score"


class ScoredByOneTaskError(AssertionError):
    """A day of this use case was scored whole, in the process that has imported it."""


def _refuse(module: ModuleType) -> None:
    """Let the function that scores a day in one task raise for this use case."""
    real: Callable[..., Any] = module.score_period

    def score_period(project: Any, *args: Any, **options: Any) -> Any:
        if project.use_case.name == NAME and project.use_case.scoring.shard_rows:
            raise ScoredByOneTaskError
        return real(project, *args, **options)

    module.score_period = score_period  # type: ignore[attr-defined]


class _Refusing(PathFinder):
    """Finds the module that scores, and changes it when it is imported: a DAG file must not import it."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _SCORE:
            return None
        found = super().find_spec(fullname, path, target)
        assert found is not None and found.loader is not None
        execute = found.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _refuse(module)

        found.loader.exec_module = exec_module  # type: ignore[method-assign]
        return found


if _SCORE in sys.modules:
    _refuse(sys.modules[_SCORE])
else:
    sys.meta_path.insert(0, _Refusing)
