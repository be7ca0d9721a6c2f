"""Make the DAGs of all use cases in one file.

A DAG that fails does not affect the others.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from airflow.sdk import DAG, get_parsing_context

from include.declaration.data_declaration import DataDeclaration
from include.declaration.declared_modules import is_meant_for_the_process
from include.declaration.feature_group_discovery import all_feature_groups, broken_feature_groups
from include.declaration.origin import file_and_line
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import all_use_cases, broken_use_cases, load_declaration
from include.errors import AirworthyError, BrokenDagError, BrokenUseCaseError, BrokenUseCasesError
from include.orchestration.declared_memory import reserve_memory
from include.orchestration.task_links import add_links
from include.printable import printable_logger
from include.settings import REPOSITORY, machine_memory_gb

log = printable_logger(__name__)
Declared = TypeVar("Declared", bound=DataDeclaration)
DAG_FILES, REPORT = REPOSITORY / "dags", "broken_use_cases.py"
"""The folder of the DAG files, and the one of them that reports what is broken and has no DAG."""
FAILED = "FAILED"
"""The name under which a DAG file keeps its failures; `broken_use_cases.py` reports them."""


def make_each(kind: str, make: Callable[[UseCase], DAG]) -> dict[str, DAG | list[BrokenDagError]]:
    """Return the globals of a DAG file: each DAG by its id, and `FAILED`.

    Args:
        kind: what follows the use case's name in the DAG's id.
        make: makes the DAG of one use case.
    """
    declared = _declaration_of_the_task(kind)
    of_all = all_use_cases().values() if declared is None else [declared]
    return _made(kind, make, (each for each in of_all if isinstance(each, UseCase)))


def make_each_with_groups(kind: str, make: Callable[[DataDeclaration], DAG]) -> dict[str, DAG | list[BrokenDagError]]:
    """Do as `make_each`, for feature groups, too; the kind is one of `GROUP_KINDS`."""
    declared = _declaration_of_the_task(kind)
    return _made(
        kind, make, [*all_use_cases().values(), *all_feature_groups().values()] if declared is None else [declared]
    )


def _declaration_of_the_task(kind: str) -> DataDeclaration | None:
    """Return the use case or feature group of the task that this process runs.

    None: all DAGs of this kind are wanted, or the declaration cannot be loaded alone.
    """
    wanted, end = get_parsing_context().dag_id, f"__{kind}"
    if wanted is None or not wanted.endswith(end):
        return None
    try:
        return load_declaration(wanted.removesuffix(end))
    except AirworthyError:
        return None


def _made(
    kind: str, make: Callable[[Declared], DAG], declared: Iterable[Declared]
) -> dict[str, DAG | list[BrokenDagError]]:
    made: dict[str, DAG | list[BrokenDagError]] = {}
    failed = list[BrokenDagError]()
    for use_case in declared:
        try:
            found = make(use_case)
            add_links(found, kind)
            reserve_memory(use_case, kind, found, machine_memory_gb())
            found.validate()  # type: ignore[no-untyped-call]
        except BaseException as error:
            if is_meant_for_the_process(error):
                raise
            broken = BrokenDagError(use_case.name, kind, file_and_line(error, _folder(use_case)), error)
            log.exception("%s", broken)
            failed.append(broken)
        else:
            made[found.dag_id] = found
    return made | {FAILED: failed}


def make_all_dags() -> dict[str, DAG]:
    """Return the DAGs of all use cases by their ids.

    They are for the single DAG file of another repository. A use case or DAG that is broken is left out; `raise_broken`
    reports it.
    """
    made: dict[str, DAG] = {}
    for file in sorted(DAG_FILES.glob("*.py")):
        if file.name != REPORT:
            made |= {name: value for name, value in runpy.run_path(str(file)).items() if isinstance(value, DAG)}
    return made


def raise_broken(file: Path = DAG_FILES / REPORT) -> None:
    """Raise an error that lists what cannot be loaded or made.

    `file` is the report, next to the other DAG files.

    Raises:
        BrokenUseCasesError: a use case or one of its DAGs is broken.
    """
    broken: list[BrokenUseCaseError | BrokenDagError] = [
        *broken_use_cases().values(),
        *broken_feature_groups().values(),
        *failures(file),
    ]
    if broken:
        raise BrokenUseCasesError(broken) from None


def _folder(use_case: DataDeclaration) -> Path | None:
    """Return the folder of the use case's own files."""
    paths = list(getattr(sys.modules.get(use_case.package), "__path__", []))
    return Path(paths[0]) if paths else None


def failures(file: Path) -> list[BrokenDagError]:
    """Return the failures of the DAG files next to this one.

    Airflow reads each file in a separate process, so their DAGs are made again here. Airflow itself reports a file
    that fails as a whole.
    """
    found = list[BrokenDagError]()
    for other in sorted(file.parent.glob("*.py")):
        if other.name != file.name:
            try:
                found += runpy.run_path(str(other)).get(FAILED, [])
            except Exception:
                log.exception("%s cannot be read.", other)
    return found
