"""A team's own repository: written into an empty folder, it finds its use cases by one setting, and has its DAGs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from include.cli import main
from include.declaration.use_case_discovery import all_use_cases, broken_use_cases, load_use_case
from include.errors import InvalidRequestError
from include.settings import REPOSITORY, current_settings
from tests.contexts import Configure
from tests.scaffold.ovens import write_ovens

OPTIONS = ("--date", "baked_on", "--keys", "oven", "--label", "burnt", "--positive", "yes")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.app, list(arguments))


@pytest.fixture
def team(tmp_path: Path, lake_home: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository with one use case; its folder of use cases has a name that no other test's has."""
    folder = tmp_path / "team"
    done = run("new", "--project", str(folder))
    assert done.exception is None, done.output
    (folder / "use_cases").rename(folder / "oven_cases")
    path = list(sys.path)
    configure(use_cases=folder / "oven_cases")
    sample = write_ovens(tmp_path / "ovens.csv")
    done = run("new", "burnt_bread", "--sample", str(sample), *OPTIONS, "--known-before", "recipe")
    assert done.exception is None, f"{done.output}\n{done.exception!r}"
    yield folder
    sys.path[:] = path
    for module in [module for module in sys.modules if module.partition(".")[0] == "oven_cases"]:
        del sys.modules[module]


def test_one_setting_names_the_folder_of_use_cases(team):
    assert set(all_use_cases()) == {"burnt_bread"}
    assert load_use_case("burnt_bread").package == "oven_cases.burnt_bread"
    assert broken_use_cases() == {}
    assert current_settings().use_case_packages == ("oven_cases",)


@pytest.mark.slow
def test_the_dag_files_of_two_lines_have_every_dag(team):
    from airflow.dag_processing.dagbag import DagBag

    for file in (team / "dags").glob("*.py"):
        assert len([line for line in file.read_text().splitlines() if line and not line.startswith('"""')]) == 2
    bag = DagBag(str(team / "dags"), bundle_path=team / "dags", bundle_name="team")
    assert not bag.import_errors
    kinds = (
        *("backfill", "go_live", "data", "train", "score", "monitor", "retrain"),
        *("maintenance", "quarantine", "reproduce", "rollback", "trial"),
    )
    assert set(bag.dags) == {f"burnt_bread__{kind}" for kind in kinds}
    assert {dag.fileloc for dag in bag.dags.values()} == {str(team / "dags" / "airworthy_dags.py")}


@pytest.mark.slow
def test_a_broken_use_case_is_the_import_error_of_the_report_alone(team):
    from airflow.dag_processing.dagbag import DagBag

    (team / "oven_cases" / "broken").mkdir()
    (team / "oven_cases" / "broken" / "__init__.py").write_text("USE_CASE = 1 / 0\n")
    bag = DagBag(str(team / "dags"), bundle_path=team / "dags", bundle_name="team")
    assert {Path(file).name for file in bag.import_errors} == {"broken_use_cases.py"}
    assert "burnt_bread__data" in bag.dags


@pytest.mark.slow
@pytest.mark.long
def test_its_make_targets_lint_and_test_pass(team):
    (team / "oven_cases").rename(team / "use_cases")
    for file in (team / "use_cases").rglob("*.py"):
        file.write_text(file.read_text().replace("oven_cases", "use_cases"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRWORTHY_")}
    overrides = [f"PRODUCT={REPOSITORY}", f"PYTHON={sys.executable}"]
    for target in ("lint", "test"):
        ended = subprocess.run(
            ["make", target, *overrides], cwd=team, env=environment, capture_output=True, text=True, timeout=1200
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_version_is_pinned_and_the_workflow_is_valid_yaml(team):
    makefile = (team / "Makefile").read_text()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True).stdout.strip()
    assert f"AIRWORTHY_COMMIT ?= {commit}\n" in makefile
    assert yaml.safe_load((team / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]["steps"]


def test_a_folder_with_files_is_left_alone(team):
    before = sorted(team.rglob("*"))
    result = run("new", "--project", str(team))
    assert isinstance(result.exception, InvalidRequestError) and "is not empty" in str(result.exception)
    assert sorted(team.rglob("*")) == before
    assert run("new").exit_code == 2, "neither a name nor a project"


@pytest.mark.parametrize("folder", ["gone", "not-a-name"])
def test_a_folder_that_cannot_be_a_package_is_refused(tmp_path, lake_home, configure, folder):
    (tmp_path / "not-a-name").mkdir()
    configure(use_cases=tmp_path / folder)
    with pytest.raises(InvalidRequestError, match="AIRWORTHY_USE_CASES"):
        current_settings()


def test_a_folder_with_the_name_of_another_package_is_reported(tmp_path, lake_home, configure):
    (tmp_path / "json").mkdir()
    configure(use_cases=tmp_path / "json")
    path = list(sys.path)
    try:
        [error] = broken_use_cases().values()
    finally:
        sys.path[:] = path
    assert "is that of another package" in str(error)
