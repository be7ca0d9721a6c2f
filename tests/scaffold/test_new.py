"""A use case that `airworthy new` has written runs at once: linters, its tests, check, data, training, scores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from include.cli import main
from include.declaration.problems import DeclarationError
from include.errors import InvalidRequestError
from include.scaffold.answers import Answers
from include.scaffold.plan import plan_use_case
from include.scaffold.render import FILES, render_file
from include.scaffold.sample import read_sample
from include.settings import REPOSITORY
from tests.contexts import Configure
from tests.scaffold.ovens import write_ovens
from tests.test_architecture import faults

LAST = "2024-04-03"
OPTIONS = ("--date", "baked_on", "--keys", "oven", "--label", "burnt", "--positive", "yes")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.app, list(arguments))


def done(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exception is None, f"{result.output}\n{result.exception!r}"
    return result.output


@pytest.fixture
def bakery(
    tmp_path: Path,
    lake_home: Path,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Path:
    """An empty package of use cases that only this test has."""
    name = f"bakery_{abs(hash(request.node.name))}"
    folder = tmp_path / "repository" / name
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    write_ovens(tmp_path / "ovens.csv")
    monkeypatch.syspath_prepend(str(folder.parent))
    configure(use_case_packages=name)
    yield folder
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def new(folder: Path, *more: str) -> str:
    sample = folder.parent.parent / "ovens.csv"
    return done("new", "burnt_bread", "--sample", str(sample), *OPTIONS, "--known-before", "recipe,loaves", *more)


@pytest.mark.slow
def test_a_written_use_case_passes_check_and_lives(bakery, tracking, without_plots):
    said = new(bakery)
    assert "Column 'never' is left out: it has no value." in said
    assert f"airworthy check burnt_bread {LAST}" in said
    assert "passes its gates" in done("check", "burnt_bread", LAST)
    assert "12 rows of features" in done("run", "burnt_bread", "data", "--from", "2024-03-01", "--to", LAST)
    assert "Version 1 is the champion" in done("run", "burnt_bread", "train", "--from", LAST)
    assert "12 rows scored by version 1" in done("run", "burnt_bread", "score", "--from", LAST)


@pytest.mark.slow
def test_its_own_tests_and_the_type_checker_pass(bakery):
    new(bakery)
    environment = {"PYTHONPATH": f"{REPOSITORY}:{bakery.parent}", "MYPYPATH": str(bakery.parent), "PATH": ""}
    tests = [sys.executable, "-m", "pytest", str(bakery), "-q", "-p", "no:cacheprovider", "-n", "0"]
    types = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports"]
    for command in ([*tests, "--rootdir", str(bakery)], [*types, "--cache-dir", str(bakery / ".mypy"), str(bakery)]):
        ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=1200)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("file", FILES)
def test_a_file_written_into_this_repository_passes_its_linters(file, tmp_path):
    answers = Answers(
        name="burnt_bread",
        sample=write_ovens(tmp_path / "ovens.csv"),
        date="baked_on",
        label="burnt",
        keys=("oven",),
        known_before=("recipe", "loaves"),
        positive="yes",
        owner="bakery",
        objective="Name the ovens whose bread will burn.",
    )
    plan = plan_use_case(answers, read_sample(answers.sample), "include.use_cases.burnt_bread")
    text = render_file(plan, file).replace(str(tmp_path), "/data")
    assert "{{" not in text and "{%" not in text
    if file.endswith(".py"):
        module = f"include.use_cases.burnt_bread.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
        assert file.startswith("tests/") or faults(module, text) == []
        first_party = 'lint.isort.known-first-party=["include"]'  # as it is if the folder exists
        for command in (["check", "--config", first_party], ["format", "--diff"]):
            ruff = [
                sys.executable,
                "-m",
                "ruff",
                *command,
                "--stdin-filename",
                f"include/use_cases/burnt_bread/{file}",
                "-",
            ]
            ended = subprocess.run(ruff, cwd=REPOSITORY, input=text, capture_output=True, text=True)
            assert ended.returncode == 0, ended.stdout + ended.stderr
    else:
        assert "airworthy run burnt_bread data --from 2024-03-01" in text and len(text) > 500


@pytest.mark.parametrize("delay", ["1", "3"])
def test_what_is_delivered_has_the_declared_columns_and_only_what_was_known(bakery, delay):
    from include.declaration.use_case_discovery import load_use_case
    from include.lake import schemas

    new(bakery, "--label-delay", delay)
    use_case = load_use_case("burnt_bread")
    for feed, about in (("planned", 0), ("observed", int(delay))):
        for period in (use_case.first_period, use_case.first_period + 3, use_case.first_period - 1):
            rows = use_case.function("source", feed)(period)
            assert rows.schema.remove_metadata() == schemas.content_schema(use_case, f"raw/{feed}")
            assert set(rows["baked_on"].to_pylist()) <= {(period - about).start_date}
            is_declared_empty = period in use_case.feed(feed).missing_periods or period < use_case.first_period
            assert bool(rows.num_rows) != is_declared_empty


def test_what_is_not_given_is_asked_for_on_a_terminal_and_else_named():
    from include.cli.new import ask_missing

    given = {"sample": "a.csv", "date": None, "keys": None, "label": None}
    asked = []
    answers = ask_missing(given, lambda question: (asked.append(question), "x")[1])
    assert answers == {"sample": "a.csv", "date": "x", "keys": "x", "label": "x"} and len(asked) == 3
    with pytest.raises(InvalidRequestError, match="Give --date, --label, or run it on a terminal"):
        ask_missing(given, None)


def test_a_folder_that_exists_and_invalid_answers_write_nothing(bakery, tmp_path):
    new(bakery)
    before = {path: path.read_bytes() for path in bakery.rglob("*.py")}
    sample = str(tmp_path / "ovens.csv")
    assert isinstance(run("new", "burnt_bread", "--sample", sample, *OPTIONS).exception, InvalidRequestError)
    assert isinstance(run("new", "Bread", "--sample", sample, *OPTIONS).exception, DeclarationError)
    wrong = ("--date", "oven", "--keys", "oven", "--label", "burnt")
    assert isinstance(run("new", "bread", "--sample", sample, *wrong).exception, DeclarationError)
    assert isinstance(
        run("new", "bread", "--sample", sample, *OPTIONS, "--package", "gone").exception, InvalidRequestError
    )
    assert {path: path.read_bytes() for path in bakery.rglob("*.py")} == before
