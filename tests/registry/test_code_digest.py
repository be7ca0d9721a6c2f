"""A code digest covers all code that can change a result, and neither the page nor prose."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.registry import code_digest
from include.settings import REPOSITORY
from include.use_case import Binary, DecisionCosts, Label, UseCase
from tests.toy_use_case import USE_CASE

KINDS = ("raw", "checked", "labels", "features", "training")
TABLES = ("raw/events", "checked/events", "labels", "features")


def digests() -> dict[str, str]:
    """As a process that starts now finds them."""
    code_digest.forget_files()
    of_tables = {table: code_digest.table_code_digest(USE_CASE, table) for table in TABLES}
    return of_tables | {"training": code_digest.training_code_digest(USE_CASE)}


def changed(before: dict[str, str]) -> set[str]:
    now = digests()
    return {name for name in before if before[name] != now[name]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_the_alerts_the_command_line_and_the_scheduler_belong_to_no_result(kind):
    rooms = (
        "include.web",
        "include.orchestration.callbacks",
        "include.local",
        "include.cli",
        "include.orchestration.tasks",
        "include.orchestration.dag_factory",
    )
    covered = code_digest.covered_modules(USE_CASE, kind)
    assert covered
    assert not [name for name in covered if name.startswith(rooms)]


@pytest.mark.parametrize(
    ("path", "results"),
    [
        ("web/app.py", set()),
        ("orchestration/callbacks.py", set()),
        ("features/materialize.py", {"labels", "features"}),
        ("ingestion/ingest.py", {"raw/events"}),
        ("ingestion/file_readers.py", {"raw/events"}),
        ("ingestion/expectations.py", {"checked/events"}),
        ("model/trainer.py", {"training"}),
        ("model/encoding.py", {"training"}),
        ("features/labels.py", {"training"}),
    ],
)
def test_a_statement_more_changes_what_it_may_change(engine, path, results):
    before = digests()
    with (engine / path).open("a") as module:
        module.write("\n_MORE = 1\n")
    assert changed(before) == results


@pytest.mark.parametrize("path", ["features/materialize.py", "model/trainer.py", "ingestion/expectations.py"])
def test_a_comment_and_other_docstrings_change_nothing(engine, path):
    before, module = digests(), engine / path
    text = module.read_text()
    module.write_text(text.replace('"""', '"""In other words. ', 1).replace("\nfrom", "\n# why\nfrom", 1) + "\n\n\n")
    assert module.read_text() != text
    assert changed(before) == set()


TEAM = {
    "team/__init__.py": "",
    "team/mine/__init__.py": """
from datetime import date
from include.use_case import Alerts, Label, UseCase
from team.contacts import DESK
from team.mine.numbers import FACTOR, UNUSED_HERE
from tests.toy_use_case import USE_CASE as TOY

FIRST = date(2020, 1, 1)
CONSTANT = 3
STEP = CONSTANT
MAIL = (DESK,)
DECLARED = {name: getattr(TOY, name) for name in TOY.__dataclass_fields__}
USE_CASE = UseCase(**DECLARED | {"name": "mine", "package": "", "alerts": Alerts(email_to=MAIL)})
""",
    "team/mine/numbers.py": "FACTOR = 1\nUNUSED_HERE = 1\n",
    "team/mine/features.py": """
from pathlib import Path
import importlib
import os
import subprocess
import team.deep.inner.module
from team.common import rates
from team.mine import FACTOR, STEP, USE_CASE
from . import helper
importlib.import_module("team.mine.by_text")
importlib.import_module(".by_relative_text", __package__)
PROMPT = Path(__file__).parent / "prompt.md"
def build(day, events, outcomes):
    columns = USE_CASE.feed("events").columns
    return events.mutate(size=USE_CASE.label.label_delay_periods)
def labels(day, events, outcomes):
    return outcomes
""",
    "team/mine/helper.py": "import lonely\n",
    "team/mine/by_text.py": "",
    "team/mine/by_relative_text.py": "",
    "team/mine/expectations.py": "",
    "team/mine/source.py": "",
    "team/mine/own.csv": "1",
    "team/mine/prompt.md": "1",
    "team/mine/README.md": "1",
    "team/mine/deeper/own.csv": "1",
    "team/contacts.py": "DESK = 'desk@example.com'\n",
    "team/common/__init__.py": "",
    "team/common/rates.py": "RATES, ELSEWHERE = 'tables', '/data/absolute/rates.csv'\n",
    "team/common/rates.csv": "1",
    "team/common/tables/rates.csv": "1",
    "team/common/unnamed/rates.csv": "1",
    "team/common/absolute/rates.csv": "1",
    "team/common/README.md": "1",
    "team/deep/__init__.py": "",
    "team/deep/notes.csv": "1",
    "team/deep/inner/__init__.py": "",
    "team/deep/inner/module.py": "",
    "lonely.py": "FILE = 'lonely.csv'\n",
    "lonely.csv": "1",
    "unrelated.csv": "1",
}
"""A use case, what it shares with others of its team, and a module that lies outside any package."""


@pytest.fixture
def team(tmp_path, monkeypatch, without_bytecode):
    """The folder of that code, which can be imported until the test ends."""
    for name, text in TEAM.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    code_digest.forget_files()
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("team", "elsewhere", "vendor")]:
        del sys.modules[name]
    code_digest.forget_files()


def team_case(**changed) -> UseCase:
    return replace(importlib.import_module("team.mine").USE_CASE, package="team.mine", **changed)


def of_features(use_case: UseCase) -> str:
    return code_digest.table_code_digest(use_case, "features", reread=True)


@pytest.mark.parametrize(
    "path",
    [
        "team/mine/features.py",
        "team/mine/helper.py",
        "team/mine/by_text.py",
        "team/mine/by_relative_text.py",
        "team/mine/numbers.py",
        "team/common/rates.py",
        "team/common/__init__.py",
        "team/deep/__init__.py",
        "team/deep/inner/__init__.py",
        "team/deep/inner/module.py",
        "team/__init__.py",
        "lonely.py",
    ],
)
def test_a_module_that_imports_reach_belongs_to_the_result_wherever_it_lies(team, path):
    use_case = team_case()
    before = of_features(use_case)
    with (team / path).open("a") as module:
        module.write("\nMORE = 1\n")
    assert of_features(use_case) != before


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("team/mine/own.csv", True),
        ("team/mine/deeper/own.csv", True),
        ("team/mine/prompt.md", True),
        ("team/mine/README.md", False),
        ("team/common/rates.csv", True),
        ("team/common/tables/rates.csv", True),
        ("team/common/unnamed/rates.csv", False),
        ("team/common/absolute/rates.csv", False),
        ("team/common/README.md", False),
        ("team/deep/notes.csv", False),
        ("lonely.csv", True),
        ("unrelated.csv", False),
    ],
)
def test_a_file_that_the_modules_may_read_as_data_belongs_to_the_result(team, path, counts):
    use_case = team_case()
    before = of_features(use_case)
    (team / path).write_text("2")
    assert (of_features(use_case) != before) is counts


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("CONSTANT = 3", "CONSTANT = 4", True),
        ("STEP = CONSTANT", "STEP = 5", True),
        ("MAIL = (DESK,)", "MAIL = (DESK, DESK)", False),
        ('"alerts": Alerts(email_to=MAIL)', '"notice": "words"', False),
        ("import Alerts, Label, UseCase", "import Label, Alerts, LandingBucket, UseCase", False),
        ("MAIL = (DESK,)", "MAIL = (DESK,)\nprint(DESK)", True),
        ("FIRST = date(2020, 1, 1)", "FIRST = date(2020, 1, 2)", False),
    ],
)
def test_of_the_module_that_declares_what_the_functions_name_belongs_to_the_result(team, old, new, counts):
    use_case = team_case()
    before = of_features(use_case)
    path = team / "team/mine/__init__.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert (of_features(use_case) != before) is counts


def test_a_module_that_only_the_alerts_need_belongs_to_no_result(team):
    assert "team.contacts" not in code_digest.covered_modules(team_case(), "features")


OTHER_COSTS = Binary(costs=DecisionCosts(false_negative=9, false_positive=1, unit="points"))
LATE = Label("failed", meaning="the event failed", label_delay_periods=9)


@pytest.mark.parametrize(
    ("reads", "changed", "counts"),
    [
        ("", {"label": LATE}, True),
        ("", {"first_period": Period("2019-01-01")}, False),
        ("", {"task": OTHER_COSTS}, False),
        ("USE_CASE.first_period", {"first_period": Period("2019-01-01")}, True),
        ("USE_CASE.task.threshold", {"task": OTHER_COSTS}, True),
        ("USE_CASE.training.window_periods", {"training": replace(USE_CASE.training, window_periods=90)}, True),
        ("USE_CASE.training.window_periods", {"training": replace(USE_CASE.training, num_boost_round=90)}, False),
        ("USE_CASE.notice", {"notice": "words"}, True),
        ("USE_CASE.feed('outcomes').missing_periods", "missing_periods", True),
        ("", "missing_periods", False),
        ("vars(USE_CASE)", {"first_period": Period("2019-01-01")}, True),
        ("vars(USE_CASE)", {"notice": "words", "owner": "others", "gates": ()}, False),
        ("vars(features.USE_CASE)", {"first_period": Period("2019-01-01")}, True),
        ("__import__('include.use_cases').use_cases.load('mine')", {"first_period": Period("2019-01-01")}, True),
    ],
)
def test_a_declared_value_that_the_functions_read_belongs_to_the_result(team, reads, changed, counts):
    (team / "team/mine/helper.py").write_text(
        f"def help():\n    from team.mine import USE_CASE\n    return {reads or 1}\n"
    )
    if not reads:
        (team / "team/mine/helper.py").write_text("")
    if changed == "missing_periods":
        outcomes = replace(USE_CASE.feed("outcomes"), missing_periods=frozenset({Period("2020-02-02")}))
        changed = {"feeds": (USE_CASE.feed("events"), outcomes)}
    assert (of_features(team_case(**changed)) != of_features(team_case())) is counts


def test_a_helper_of_another_package_counts_and_an_installed_distribution_does_not(team, monkeypatch):
    installed = team / "lib" / "site-packages"
    for folder, text in (
        (team / "elsewhere", "from team.common import rates\nimport vendor\n"),
        (installed / "vendor", ""),
    ):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "features.py").write_text(text)
    monkeypatch.syspath_prepend(installed)
    elsewhere = replace(USE_CASE, package="elsewhere")
    covered = code_digest.covered_modules(elsewhere, "features")
    assert {"elsewhere.features", "team.common.rates"} <= set(covered)
    assert "vendor" not in covered
    assert "vendor.features" in code_digest.covered_modules(replace(USE_CASE, package="vendor"), "features")


def test_what_is_saved_after_the_process_began_is_not_what_it_runs_unless_it_is_asked_to_look(engine):
    before = digests()["features"]
    with (engine / "features/materialize.py").open("a") as module:
        module.write("\n_MORE = 1\n")
    assert code_digest.table_code_digest(USE_CASE, "features") == before
    assert code_digest.table_code_digest(USE_CASE, "features", reread=True) != before


ALL_DIGESTS = """
from include.declaration.use_case_discovery import all_use_cases
from include.registry import code_digest
from include.training import spec
for name, use_case in all_use_cases().items():
    tables = ["features", "labels", *(f"{kind}/{feed.name}" for kind in ("raw", "checked") for feed in use_case.feeds)]
    for table in tables:
        print(name, table, code_digest.table_code_digest(use_case, table))
    for kind in ("training", "judge", "predictions"):
        print(name, kind, getattr(code_digest, f"{kind}_code_digest")(use_case))
    print(name, spec.declaration_values(use_case))
"""


def test_two_processes_compute_the_same_digests(tmp_path):
    def digests_of_a_process(seed: str) -> list[str]:
        environment = os.environ | {"PYTHONHASHSEED": seed, "AIRWORTHY_HOME": str(tmp_path / seed)}
        command = [sys.executable, "-c", ALL_DIGESTS]
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    first = digests_of_a_process("1")
    assert len(first) > 20
    assert first == digests_of_a_process("2")
