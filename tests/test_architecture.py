"""Import rules, read from the source: levels, circles, pure and light modules, and who may import Airflow."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from include.settings import REPOSITORY

LEVELS = (
    ("printable", "grammar", "threads", "page_addresses"),
    ("errors",),
    ("settings",),
    ("untrusted", "task_memory"),
    ("declaration",),
    ("use_case", "datasets"),
    ("use_cases", "feature_groups"),
    ("lake", "model"),
    ("registry",),
    ("connections", "database_errors"),
    ("project",),
    ("ingestion",),
    ("validation",),
    ("features", "scoring", "retraining"),
    ("monitoring",),
    ("training",),
    ("evaluation", "reproduction"),
    ("notebook",),
    ("promotion", "backtest"),
    ("pipelines",),
    ("backfill",),
    ("go_live",),
    ("score_card",),
    ("notifications",),
    ("maintenance",),
    ("orchestration", "web", "scaffold"),
    ("local",),
    ("cli",),
)
"""Packages and modules of `include`, lowest first. Each imports only lower levels, and none of its own."""
LEVEL = {name: number for number, names in enumerate(LEVELS) for name in names}
WITH_AIRFLOW = ("dags", "plugins", "include.orchestration", "include.web")
LIGHT = (
    *("dags", "plugins", "include.declaration", "include.errors", "include.orchestration", "include.settings"),
    *("include.datasets.replay_2013", "include.datasets.weather_measures"),
)
"""Imported when a DAG file is parsed, or by Airflow's own processes."""
HEAVY = {
    *("pandas", "numpy", "pyarrow", "lightgbm", "mlflow", "great_expectations", "duckdb", "ibis", "deltalake"),
    *("boto3", "botocore", "plotly", "matplotlib", "optuna", "scipy", "sklearn", "psutil"),
}
NOT_LIGHT = ("include.orchestration.delivery_sensor",)
"""Made of the sensor of Amazon's provider, which is heavy: it is imported within functions alone."""
DEFINITIONS = (
    *("include.model.metrics", "include.monitoring.definitions", "include.registry.tags"),
    "include.evaluation.gates",
)
"""Lists of what there is. Any module of any level may read them, the declaration to check names."""
DEFINITIONS_MAY_USE = ("include.declaration", "include.errors", "include.grammar")
"""Besides the standard library and each other; anything else, such as a numeric library, only within a function."""
PURE = (
    *("include.model", "include.lake.content_digest", "include.lake.sorting", "include.lake.stored_files"),
    *("include.validation.errors", "include.validation.tallies"),
    *("include.ingestion.corrections", "include.ingestion.file_changes", "include.ingestion.key_rules"),
    *("include.ingestion.row_ids", "include.ingestion.correction_errors", "include.training.training_errors"),
    *("include.monitoring.metric_row", "include.monitoring.metric_table", "include.monitoring.drift"),
    *("include.monitoring.drift_metrics", "include.monitoring.reference_profile", "include.monitoring.performance"),
    *("include.monitoring.reference_histogram", "include.retraining.signals"),
    *("include.monitoring.freshness", "include.monitoring.slowdown", "include.monitoring.status"),
    *("include.monitoring.breach_runs", "include.ingestion.rule_result"),
    *("include.retraining.estimate_record",),
    *("include.monitoring.false_alarms", "include.monitoring.false_alarm_text", "include.retraining.policy"),
    *("include.retraining.outcome_rules", "include.training.search", "include.model.plots"),
    *("include.evaluation.inputs", "include.evaluation.judging", "include.evaluation.plots"),
    *("include.evaluation.gates", "include.evaluation.checks.corruption", "include.registry.lifecycle"),
    *("include.reproduction.model_diff", "include.backtest.simulator", "include.backtest.label_history"),
    *("include.backtest.sensitivity", "include.backtest.result", "include.backtest.plot"),
    *("include.promotion.model_card.render", "include.promotion.model_card.content"),
    *("include.promotion.model_card.limitations", "include.promotion.markdown"),
    *("include.notifications.messages", "include.notifications.redaction"),
    *("include.score_card.definitions", "include.maintenance.rules", "include.maintenance.mlflow_rules"),
)
"""Numbers and frames in, values out: no file, clock, client or variable of the environment."""
PURE_MAY_USE = (
    *("include.declaration", "include.errors", "include.printable", "include.grammar", "include.threads"),
    *DEFINITIONS,
)
NUMERIC = {
    "numpy",
    "pandas",
    "pyarrow",
    "lightgbm",
    "scipy",
    "sklearn",
    "matplotlib",
    "ibis",
    "jinja2",
    "markdown_it",
    "markupsafe",
    "openpyxl",
    "optuna",
}
OUTSIDE = ("os", "pathlib.Path", "socket", "subprocess", "shutil", "tempfile", "urllib", "http", "sqlite3", "time")
"""Of the standard library, what reaches out of the process."""
READS_A_FOLDER = "include.model.portable"
"""Its file is kept with each model, and reads that model's folder where nothing else of the product is installed."""
DECLARED = ("include.use_cases.", "include.feature_groups.")
"""Packages of use cases and feature groups."""
USE_CASE_LIBRARIES = {"ibis", "pyarrow", "pandas", "numpy", "great_expectations"}


@dataclass(frozen=True)
class Import:
    """One imported name, with its full path."""

    name: str
    in_function: bool
    relative: bool = False


def imports(tree: ast.AST, *, in_function: bool = False) -> Iterator[Import]:
    """Yield what a module imports, but for what only the type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, in_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = f"{node.module}." if node.module else ""
            yield from (Import(f"{prefix}{alias.name}", in_function, node.level > 0) for alias in node.names)
        within = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from imports(node, in_function=within)


def is_within(name: str, *places: str) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def level_of(name: str) -> tuple[str, int] | None:
    """Return the package or module below `include` that a name is in, and its level; None for another library."""
    parts = name.split(".")
    if parts[0] != "include" or len(parts) == 1:
        return None
    return parts[1], LEVEL[parts[1]]


def faults(module: str, source: str) -> list[str]:
    """Return what the source text of a module imports against the rules, in words."""
    return [
        f"{found.name}: {fault}"
        for found in imports(ast.parse(source))
        for fault in [fault_of(module, found)]
        if fault is not None
    ]


def fault_of(module: str, found: Import) -> str | None:
    root = found.name.partition(".")[0]
    if found.relative:
        return "relative imports are not used"
    if root == "tests":
        return "tests are not part of the product"
    if root == "airflow":
        return None if is_within(module, *WITH_AIRFLOW) else "only orchestration and web know Airflow"
    if root == "include":
        return upward(module, found)
    if module.startswith(DECLARED) and root not in USE_CASE_LIBRARIES | sys.stdlib_module_names:
        return f"a use case imports include.use_case and of libraries {sorted(USE_CASE_LIBRARIES)}"
    if is_within(module, *DEFINITIONS) and root not in sys.stdlib_module_names:
        late = root in NUMERIC and found.in_function
        return None if late else "a list of definitions imports libraries only within functions, and numeric ones alone"
    if is_within(module, *PURE):
        return impure(module, found.name)
    return None


def upward(module: str, found: Import) -> str | None:
    name = found.name
    own, used = level_of(module), level_of(name)
    if used is None:
        return None
    if is_within(module, *DEFINITIONS):
        late = found.in_function and is_within(name, *PURE)
        allowed = late or is_within(name, *DEFINITIONS, *DEFINITIONS_MAY_USE)
        return None if allowed else "a list of definitions imports the declaration and other such lists"
    if module.startswith(DECLARED):
        case = ".".join(module.split(".")[:3])
        allowed = is_within(name, case, "include.use_case", "include.datasets")
        return None if allowed else "a use case imports only include.use_case and include.datasets"
    if is_within(module, *PURE) and not is_within(name, *PURE, *PURE_MAY_USE):
        return "a pure module imports pure modules and the declaration"
    if own is None:  # dags and plugins
        low = is_within(name, "include.orchestration", "include.declaration", "include.errors", "include.settings")
        return None if low or (module.startswith("plugins") and used[0] == "web") else "a DAG imports orchestration"
    if own[0] == used[0] or used[1] < own[1] or is_within(name, *DEFINITIONS):
        return None
    return f"{used[0]} is not below {own[0]}"


def impure(module: str, name: str) -> str | None:
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names:
        allowed = not is_within(name, *OUTSIDE) or module == READS_A_FOLDER
        return None if allowed else "reaches out of the process"
    return None if root in NUMERIC else f"a pure module imports of libraries {sorted(NUMERIC)}"


TESTS_OF_A_USE_CASE = r"include\.use_cases\.\w+\.tests(\.|$)"
"""Modules within the folder of a use case that are no part of the product."""


def modules() -> dict[str, Path]:
    """Return every module of the product, by its dotted name."""
    found = {}
    for path in (path for place in ("dags", "plugins", "include") for path in (REPOSITORY / place).rglob("*.py")):
        name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
        if not re.match(TESTS_OF_A_USE_CASE, name):
            found[name] = path
    return dict(sorted(found.items()))


MODULES = modules()


@cache
def parsed(module: str) -> tuple[Import, ...]:
    return tuple(imports(ast.parse(MODULES[module].read_text())))


def module_of(name: str) -> str | None:
    """Return the module that an imported name is, or is in."""
    return name if name in MODULES else module if (module := name.rpartition(".")[0]) in MODULES else None


def used_modules(module: str, *, at_import: bool) -> set[str]:
    """Return the modules that one imports; `at_import`, those alone that it needs to be imported itself."""
    named = {module_of(found.name) for found in parsed(module) if not (at_import and found.in_function)}
    return {name for name in named if name is not None and name != module}


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of one circle in their order; none if there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_every_package_has_its_level():
    names = {name.split(".")[1] for name in MODULES if name.startswith("include.")}
    assert names == set(LEVEL)


def test_every_name_in_the_lists_is_a_module():
    listed = {*PURE, *DEFINITIONS, *NOT_LIGHT, *LIGHT, *PURE_MAY_USE}
    assert {name for name in listed if not any(is_within(module, name) for module in MODULES)} == set()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_place_may(module):
    assert faults(module, MODULES[module].read_text()) == []


def test_no_modules_import_each_other_in_a_circle():
    assert circle({module: used_modules(module, at_import=False) for module in MODULES}) == []


def packages_of(module: str) -> list[str]:
    """Return the packages that hold a module, which are imported before it."""
    parts = module.split(".")
    return [name for end in range(1, len(parts)) if (name := ".".join(parts[:end])) in MODULES]


def heavy_of(module: str) -> dict[str, str]:
    """Return the heavy libraries that importing a module imports, each with the module that names it."""
    seen, waiting, found = {module}, [module], {}
    while waiting:
        current = waiting.pop()
        for name in parsed(current):
            if not name.in_function and (root := name.name.partition(".")[0]) in HEAVY:
                found[root] = current
        used = used_modules(current, at_import=True)
        new = {module for name in used for module in (name, *packages_of(name))} - seen
        seen |= new
        waiting += new
    return found


@pytest.mark.parametrize(
    "module", [m for m in MODULES if is_within(m, *LIGHT, *DEFINITIONS) and not is_within(m, *NOT_LIGHT)]
)
def test_what_is_imported_when_a_dag_is_parsed_is_light(module):
    assert heavy_of(module) == {}


OPENED = (
    *("Lake", "Lake.open", "Registry", "Ledger", "Ledger.open", "Records", "Records.open", "lake_root"),
    *("Runs", "Studies", "MlflowCleanup", "ModelCache", "TagRenaming"),
)
"""What opens a lake, or a part of it, or MLflow, or the cache of models, without a project."""
OPENS = ("include.project", "include.lake", "include.registry", "include.maintenance.lake_upgrade")
"""The project; the packages that define these; and the upgrade of a lake whose format the project refuses."""
ENTRIES = (
    "include.project",
    "include.orchestration",
    "include.web",
    "include.cli",
    "include.local",
    "include.notebook",
)
"""Where a task, page, command or notebook begins, which opens its project."""


def opening_calls(source: str, names: Collection[str]) -> list[str]:
    """Return the calls in a module's source of one of these functions or classes."""
    calls = (call for call in ast.walk(ast.parse(source)) if isinstance(call, ast.Call))
    return [ast.unparse(call) for call in calls if ast.unparse(call.func) in names]


@pytest.mark.parametrize("module", [module for module in MODULES if not is_within(module, *OPENS)])
def test_only_the_project_opens_a_lake_a_registry_or_a_ledger(module):
    assert opening_calls(MODULES[module].read_text(), OPENED) == []


READS_SETTINGS = (
    *("include.lake", "include.registry", "include.declaration.use_case_discovery"),
    *("include.declaration.declared_modules", "include.declaration.feature_group_discovery"),
    *("include.ingestion.data_docs", "include.evaluation.check_use_case", "include.notifications.notify"),
    "include.ingestion.validation_report",
    "include.features.spark.session",
)
"""Read the settings of the environment besides the project: for signing keys, where models are kept and use cases are
found; for pages, days of a check and links, which are no part of a lake; and for where Spark runs."""


def test_a_store_gets_its_place_from_the_project():
    readers = {
        module
        for module, path in MODULES.items()
        if opening_calls(path.read_text(), ("current_settings", "settings.current_settings"))
    }
    allowed = (*ENTRIES, *OPENS, *READS_SETTINGS, "include.settings")
    assert {module for module in readers if not is_within(module, *allowed)} == set()


@pytest.mark.parametrize("module", [module for module in MODULES if not is_within(module, *ENTRIES)])
def test_a_project_is_opened_where_a_task_or_command_begins_and_passed_down(module):
    assert opening_calls(MODULES[module].read_text(), ("open_project", "Project")) == []


@pytest.mark.parametrize(
    "call",
    [
        "Lake.open(use_case)",
        "Registry(use_case)",
        "f(Ledger.open(use_case).entries())",
        "Studies(use_case).keep(trial)",
    ],
)
def test_a_store_that_is_opened_without_a_project_is_caught(call):
    assert len(opening_calls(f"def step(use_case):\n    return {call}\n", OPENED)) == 1


DESCRIBING = ("COMPARED_WITH", "MODEL_CARD", "NOT_PROMOTED", "REASON", "REPRODUCED")
"""Tags that no decision reads: they describe a version to people."""


def described_by(source: str) -> list[str]:
    """Return the expressions that read a describing tag: `tags[X]`, `tags.get(X)` and `X in tags`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Subscript(value=read, slice=key, ctx=ast.Load()):
                pass
            case ast.Call(func=ast.Attribute(attr="get", value=read), args=[key, *_]):
                pass
            case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[read]):
                pass
            case _:
                continue
        name, place = (ast.unparse(part).rpartition(".")[2] for part in (key, read))
        if name in DESCRIBING and place in ("tags", "copies"):
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("module", [module for module in MODULES if not is_within(module, "include.registry")])
def test_only_the_summary_of_a_version_reads_what_describes_it(module):
    assert described_by(MODULES[module].read_text()) == []


@pytest.mark.parametrize(
    "planted", ["version.tags.get(NOT_PROMOTED, '')", "tags[defined.REASON]", "defined.REPRODUCED in version.tags"]
)
def test_a_module_that_describes_a_version_by_itself_is_caught(planted):
    assert described_by(f"words = {planted}\nrun.tag({{REASON: words}})\n") == [planted]


CREATES_FILES = (
    *("include.lake.record_store", "include.lake.object_store"),
    *("include.lake.lock", "include.lake.lake_format", "include.backtest.model_cache"),
)
"""The store of records, and what is no record: a lease and a cache, which are removed, and the format number."""
STORES = ("DeltaTable", "URL", "store", "self.store", "self.store(kind)")
"""What has a method `create` of its own: Delta's tables, addresses of databases, and stores of records."""


def creating_calls(source: str) -> list[str]:
    """Return the calls by which a module itself makes a file unless it exists."""
    return [
        ast.unparse(call)
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "create"
        and ast.unparse(call.func.value) not in STORES
    ]


@pytest.mark.parametrize("module", [module for module in MODULES if module not in CREATES_FILES])
def test_only_the_record_store_creates_records(module):
    assert creating_calls(MODULES[module].read_text()) == []


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("(folder / name).create(content)", True),
        ("self._path(key).create(json.dumps(values).encode())", True),
        ("place.create(b'')", True),
        ("self.store.create(key, content)", False),
        ("DeltaTable.create(uri)", False),
    ],
)
def test_a_record_that_is_created_elsewhere_is_caught(source, caught):
    assert bool(creating_calls(source)) is caught


def test_only_the_command_line_imports_the_local_run():
    users = {m for m in MODULES if any(is_within(found.name, "include.local") for found in parsed(m))}
    assert {name for name in users if not is_within(name, "include.local", "include.cli")} == set()


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("include.model.splits", "from include.lake import lake"),
        ("include.model.splits", "from include.training import train"),
        ("include.model.splits", "import include.training.train"),
        ("include.model.splits", "import mlflow"),
        ("include.model.splits", "import os"),
        ("include.model.splits", "def late():\n    import airflow.sdk"),
        ("include.model.splits", "if True:\n    from deltalake import DeltaTable"),
        ("include.model.splits", "from . import encoding"),
        ("include.lake.lake", "from include.scoring import score"),
        ("include.lake.lake", "from include.model import splits"),
        ("include.lake.lake", "from airflow.sdk import task"),
        ("include.ingestion.bucket", "def client():\n    from airflow.sdk import Connection"),
        ("include.scoring.score", "from include.local import demo"),
        ("include.scoring.score", "from tests import toy"),
        ("include.scoring.score", "from include.retraining import policy"),
        ("include.registry.tags", "import numpy"),
        ("include.evaluation.gates.slice", "import numpy"),
        ("include.evaluation.gates.slice", "def late():\n    import mlflow"),
        ("include.evaluation.gates.slice", "def late():\n    from include.evaluation import evaluate"),
        ("include.declaration.use_case", "from include.evaluation import judging"),
        ("include.registry.model_record", "from include.evaluation.inputs import GateInputs"),
        ("include.registry.tags", "def late():\n    import mlflow"),
        ("include.model.metrics", "import numpy"),
        ("include.model.metrics", "from include.model import splits"),
        ("include.monitoring.definitions", "from include.monitoring import drift"),
        ("include.declaration.monitoring", "from include.monitoring import drift"),
        ("include.web.app", "from include.orchestration import dag_docs"),
        ("include.use_cases.flight_delays.features", "from include.lake.lake import Lake"),
        ("include.use_cases.flight_delays.features", "from include.declaration.use_case import Feed"),
        ("include.use_cases.flight_delays.features", "from include.use_cases.churn import source"),
        ("include.use_cases.flight_delays.features", "import lightgbm"),
        ("include.datasets.new_york_flights", "from include.use_case import Period"),
        ("include.datasets.new_york_flights", "from include.use_cases.flight_delays import USE_CASE"),
        ("include.declaration.use_case", "from include.lake import lake"),
        ("dags.data", "from include.ingestion import ingest"),
        ("plugins.airworthy", "def app():\n    from include.lake.lake import Lake"),
    ],
)
def test_a_planted_import_is_caught(module, planted):
    assert len(faults(module, f"import json\nfrom datetime import date\n{planted}\n")) == 1


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("include.orchestration.tasks.train", "import airflow.sdk\ndef f():\n    from include.training import train"),
        ("include.scoring.score", "import mlflow\nfrom include.lake import lake\nfrom include import settings"),
        ("include.use_cases.flight_delays.features", "import ibis\nfrom include.use_case import Feed"),
        ("include.use_cases.flight_delays.features", "from include.use_cases.flight_delays import source"),
        ("include.use_cases.flight_delays.source", "from include.datasets import new_york_flights"),
        ("include.model.splits", "import numpy\nfrom include.declaration import gates"),
        ("include.model.plotting", "import io"),
        ("include.declaration.use_case", "from include.evaluation.gates.base import BaseGate"),
        ("include.registry.model_record", "from include.evaluation import gates"),
        ("include.evaluation.gates.slice", "def late():\n    import numpy\n    from include.model import slices"),
        ("include.model.metrics", "def late():\n    import numpy\n    import sklearn.metrics"),
        ("include.declaration.gates", "from include.model.metrics import METRICS"),
        ("include.monitoring.definitions", "from include.model.metrics import METRICS"),
        ("include.retraining.policy", "from include.monitoring.definitions import PERFORMANCE"),
        ("plugins.airworthy", "from include.web import app"),
    ],
)  # fmt: skip
def test_what_is_allowed_is_not_refused(module, allowed):
    assert faults(module, f"{allowed}\n") == []


def test_a_circle_is_found():
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})) == {"a", "b", "c"}


PATCHES = re.compile(r"monkeypatch\.(?:setattr|setenv|delenv|setitem)\b")
MOST_PATCHES = 140
"""Tests pass collaborators to what they test, or use real faults; what is left is counted, so that it cannot grow."""


def test_few_tests_patch_what_they_test():
    counted = {
        path.relative_to(REPOSITORY).as_posix(): len(PATCHES.findall(path.read_text()))
        for path in (REPOSITORY / "tests").rglob("*.py")
    }
    most = sorted(counted.items(), key=lambda pair: -pair[1])[:10]
    assert sum(counted.values()) <= MOST_PATCHES, f"pass what is patched as a parameter; most are in {most}"
