"""The arrows between the rooms of the house: who may import whom, read from the source text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from include.settings import REPOSITORY

BASE = (
    *(
        "include.settings",
        "include.declaration.use_case",
        "include.declaration.gates",
        "include.declaration",
        "include.declaration.landing",
    ),
    *("include.errors", "include.declaration.retention", "include.lake.s3_retries"),
)
"""What every room may use."""
PURE, STORES = ("include.model",), ("include.lake", "include.registry")
UNTRUSTED = "include.untrusted"
"""The process in which untrusted content is read; it knows nothing of what is read."""
TASK_MEMORY = "include.task_memory"
"""Packages by capability: what is new is born in these, and what is old moves there (docs/decisions)."""
STAGES = tuple(
    f"include.{name}"
    for name in (
        *("ingestion", "features", "training", "evaluation", "promotion", "scoring", "monitoring", "retraining"),
        *("reproduction", "backtest", "notifications", "maintenance"),
    )
)
USE_CASE_LIBRARIES = {"ibis", "pyarrow", "pandas", "numpy", "great_expectations"}


@dataclass(frozen=True)
class Room:
    """What the modules of a room may import of `include`, and of libraries (None: any but the forbidden)."""

    include: tuple[str, ...]
    only_libraries: frozenset[str] | None = None
    forbidden: frozenset[str] = frozenset({"airflow"})
    only_in_functions: tuple[str, ...] = ()
    """Of `include`, what is so heavy that it must not be imported when a DAG file is parsed."""


AIRFLOW_FACE = Room(
    (
        *("include.stages", *STAGES, "include.orchestration"),
        *(
            "include.use_cases",
            "include.orchestration.callbacks",
            "include.orchestration.deadline_reference",
            "include.orchestration.dag_factory",
        ),
        *("include.orchestration.dag_docs", "include.orchestration.params"),
        "include.orchestration.trigger_training",
        "include.orchestration.delivery_sensor",
        TASK_MEMORY,
        *BASE,
    ),
    only_libraries=frozenset({"airflow"}),
    forbidden=frozenset(),
    # Amazon's provider, which the sensor of landing buckets is made of, is heavy too.
    only_in_functions=("include.stages", *STAGES, "include.sources", "include.orchestration.delivery_sensor"),
)
ROOMS = {
    "dags": Room(
        (
            *(
                "include.orchestration.dag_factory",
                "include.orchestration.params",
                "include.orchestration.tasks",
                "include.orchestration.sensors",
                "include.orchestration.approval_operator",
            ),
            *("include.orchestration.trigger_training", "include.orchestration"),
            *("include.use_cases", *BASE),
        ),
        only_libraries=frozenset({"airflow"}),
        forbidden=frozenset(),
    ),
    "plugins": Room(
        ("include.page", "include.orchestration.deadline_reference", "include.orchestration"),
        forbidden=frozenset(),
        only_in_functions=("include.page",),
    ),
    "include.page": Room(
        (
            *("include.page", "include.stages", *STAGES, "include.logic", *PURE),
            *("include.use_cases", "include.orchestration.dag_docs", *BASE),
        ),
        forbidden=frozenset({"mlflow", "deltalake", "plotly"}),
    ),
    "include.orchestration.callbacks": AIRFLOW_FACE,
    "include.orchestration.deadline_reference": Room(
        BASE, only_libraries=frozenset({"airflow", "sqlalchemy"}), forbidden=frozenset()
    ),
    "include.orchestration.dag_factory": AIRFLOW_FACE,
    "include.orchestration.params": AIRFLOW_FACE,
    "include.orchestration.approval_operator": AIRFLOW_FACE,
    "include.orchestration.trigger_training": AIRFLOW_FACE,
    "include.orchestration.tasks": AIRFLOW_FACE,
    # Airflow's timetables speak pendulum.
    "include.orchestration": replace(AIRFLOW_FACE, only_libraries=frozenset({"airflow", "pendulum"})),
    "include.orchestration.sensors": AIRFLOW_FACE,
    "include.orchestration.delivery_sensor": replace(AIRFLOW_FACE, include=(*AIRFLOW_FACE.include, "include.sources")),
    **dict.fromkeys(
        ("include.stages", *STAGES),
        Room(
            (
                *("include.stages", *STAGES, "include.logic", *PURE, "include.storage", *STORES, "include.sources"),
                *(UNTRUSTED, *BASE),
            )
        ),
    ),
    # Of Airflow, the Connection by which a bucket is read; only in a function.
    "include.sources": Room(("include.sources", UNTRUSTED, *BASE), forbidden=frozenset({"mlflow", "deltalake"})),
    **dict.fromkeys(
        ("include.logic", *PURE),
        Room(("include.logic", *PURE, *BASE), forbidden=frozenset({"airflow", "mlflow", "deltalake"})),
    ),
    **dict.fromkeys(
        ("include.storage", *STORES), Room(("include.storage", *STORES, "include.logic", *PURE, UNTRUSTED, *BASE))
    ),
    **dict.fromkeys((UNTRUSTED, TASK_MEMORY), Room(BASE, only_libraries=frozenset({"psutil"}))),
    "include.local": Room(
        (
            *("include.local", "include.stages", *STAGES, "include.storage", *STORES, *PURE, "include.use_cases"),
            *(TASK_MEMORY, *BASE),
        )
    ),
    "include.cli.quarantine": Room(("include.local", *BASE)),
    "include.cli.main": Room(
        (
            *("include.cli.main", "include.cli.quarantine", "include.local", "include.stages", *STAGES),
            *("include.use_cases", *BASE),
        )
    ),
    "include.orchestration.dag_docs": Room(BASE, only_libraries=frozenset()),
    "include.use_cases": Room(("include.use_cases", *BASE), only_libraries=frozenset()),
    **dict.fromkeys(BASE, Room(BASE, only_libraries=frozenset())),
    "include.lake.s3_retries": Room(BASE, only_libraries=frozenset({"botocore"})),
}


def is_within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def room_of(module: str) -> Room:
    """The room that a module is in; a use case is a room of its own. KeyError for a module in none."""
    parts = module.split(".")
    if parts[:2] == ["include", "use_cases"] and len(parts) > 2:
        own = ".".join(parts[:3])
        return Room((own, *BASE), only_libraries=frozenset(USE_CASE_LIBRARIES))
    for place, room in ROOMS.items():
        if is_within(module, place):
            return room
    raise KeyError(f"{module} is in no room of the house; put it into one, or declare its room here.")


def imports(tree: ast.AST, *, within: bool = False) -> Iterator[tuple[str, bool]]:
    """Every imported name with its full path, and whether it is imported within a function. Relative: '.'."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, within) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield ".", within
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", within) for alias in node.names)
        yield from imports(node, within=within or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def forbidden(module: str, source: str) -> list[str]:
    """What the source text of a module imports against the arrows, in words."""
    room, wrong = room_of(module), []
    for name, within in imports(ast.parse(source)):
        root = name.partition(".")[0]
        if name == ".":
            wrong.append("a relative import")
        elif root in ("include", "tests", "dags", "plugins"):
            if not any(is_within(name, place) for place in room.include):
                wrong.append(name)
            elif not within and any(is_within(name, place) for place in room.only_in_functions):
                wrong.append(f"{name} outside a function")
        elif root in room.forbidden or not (
            room.only_libraries is None or root in room.only_libraries or root in sys.stdlib_module_names
        ):
            wrong.append(name)
    return wrong


def modules() -> dict[str, Path]:
    """Name to path of every module that the arrows speak of."""
    found = {}
    for path in (path for place in ("dags", "plugins", "include") for path in (REPOSITORY / place).rglob("*.py")):
        name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        found[name] = path
    return dict(sorted(found.items()))


MODULES = {name: path for name, path in modules().items() if name != "include"}


def test_there_are_modules_in_every_room():
    assert len(MODULES) > 50
    for room in ROOMS.keys() - {*PURE, *STORES, *STAGES, "include.orchestration"}:
        assert any(is_within(name, room) for name in MODULES), f"{room} is empty: was it renamed?"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_room_may(module):
    assert forbidden(module, MODULES[module].read_text()) == []


def test_only_the_command_line_imports_the_local_run():
    users = {
        name
        for name, path in MODULES.items()
        if any(is_within(used, "include.local") for used, _ in imports(ast.parse(path.read_text())))
    }
    assert {name for name in users if not is_within(name, "include.local")} <= {
        "include.cli.main",
        "include.cli.quarantine",
    }


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("include.model.splits", "from include.storage import lake"),
        ("include.model.splits", "from include import storage"),
        ("include.model.splits", "import include.training.train"),
        ("include.model.splits", "import mlflow"),
        ("include.model.splits", "def late():\n    import airflow.sdk"),
        ("include.model.splits", "if True:\n    from deltalake import DeltaTable"),
        ("include.model.splits", "from . import digests"),
        ("include.lake.lake", "from include.stages import score"),
        ("include.lake.lake", "from airflow.sdk import task"),
        ("include.scoring.score", "from include.local import demo"),
        ("include.scoring.score", "from include import tasks"),
        ("include.scoring.score", "from tests import toy"),
        ("include.orchestration.tasks", "from include.stages import train"),
        ("include.orchestration.tasks", "def train():\n    from include.logic import splits"),
        ("include.orchestration.sensors", "def look():\n    from include.lake.lake import Lake"),
        ("include.orchestration.sensors", "import pandas"),
        ("include.orchestration.tasks", "from include import landing_sensor"),
        ("include.orchestration.delivery_sensor", "from include.ingestion.bucket import Bucket"),
        ("include.ingestion.bucket", "from include.lake.lake import Lake"),
        ("include.use_cases.flight_delays.features", "def f():\n    from include.sources import bucket"),
        ("include.declaration.use_case", "import pyarrow"),
        ("include.settings", "from include.storage import lake"),
        ("include.use_cases", "from include.stages import score"),
        ("include.use_cases.flight_delays.features", "from include.lake.lake import Lake"),
        ("include.use_cases.flight_delays.features", "from include.use_cases.churn import source"),
        ("include.use_cases.flight_delays.features", "from include.use_cases import churn"),
        ("include.use_cases.flight_delays.features", "import lightgbm"),
        ("include.use_cases.flight_delays.features", "from . import source"),
        ("dags.data", "from include.stages import ingest"),
        ("dags.data", "import pandas"),
        ("plugins.page", "def app():\n    from include.lake.lake import Lake"),
        ("plugins.page", "from include.page import app"),
        ("include.web.app", "from include.lake.lake import Lake"),
        ("include.web.app", "from include.orchestration.tasks import data"),
    ],
)
def test_a_planted_import_is_caught(module, planted):
    assert len(forbidden(module, f"import os\nfrom datetime import date\n{planted}\n")) == 1


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        (
            "include.orchestration.tasks",
            "from airflow.sdk import task\ndef train():\n    from include.stages import train",
        ),
        ("include.scoring.score", "import mlflow\nfrom include.logic import gates\nfrom include import settings"),
        ("include.lake.lake", "from include.logic import digests\nfrom deltalake import DeltaTable"),
        ("include.use_cases.churn.source", "import pyarrow as pa\nfrom include.use_cases.churn import USE_CASE"),
        ("dags.data", "from include.orchestration.tasks import data\nfrom airflow.sdk import chain"),
        (
            "include.web.app",
            "from airflow.api_fastapi.core_api.security import GetUserDep\nfrom include.stages import report",
        ),
    ],
)
def test_what_is_allowed_is_let_through(module, allowed):
    assert forbidden(module, allowed) == []


def test_a_module_in_no_room_is_caught():
    with pytest.raises(KeyError, match="in no room"):
        room_of("include.helpers")
