"""A use case that `airworthy new` has written runs at once: linters, its tests, check, data, training, scores."""

from __future__ import annotations

import importlib
import shlex
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from include.cli import main
from include.declaration.problems import DeclarationError
from include.declaration.use_case_discovery import all_use_cases
from include.errors import InvalidRequestError
from include.scaffold.answers import Answers
from include.scaffold.plan import plan_use_case
from include.scaffold.render import FILES, render_file, write_use_case
from include.scaffold.sample import read_sample
from include.settings import REPOSITORY
from include.use_case import Suite
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
def test_the_commands_of_the_page_write_a_use_case_that_passes_check_and_lives(bakery, tracking, without_plots):
    write_ovens(Path.cwd() / "ovens.csv")
    page = (REPOSITORY / "docs" / "new_use_case.md").read_text()
    commands = [shlex.split(line)[1:] for line in page.splitlines() if line.startswith("airworthy ")]
    written, checked, landed, trained, scored = (done(*command) for command in commands)
    assert "Column 'never' is left out: it has no value." in written
    assert f"airworthy check burnt_bread {LAST}" in written
    assert "passes its gates" in checked
    assert "12 rows of features" in landed
    assert "Version 1 is the champion" in trained
    assert "12 rows scored by version 1" in scored


@pytest.mark.slow
@pytest.mark.long
def test_its_own_tests_and_the_type_checker_pass(bakery):
    new(bakery)
    environment = {"PYTHONPATH": f"{REPOSITORY}:{bakery.parent}", "MYPYPATH": str(bakery.parent), "PATH": ""}
    tests = [sys.executable, "-m", "pytest", str(bakery), "-q", "-p", "no:cacheprovider", "-n", "0"]
    types = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--ignore-missing-imports"]
    for command in ([*tests, "--rootdir", str(bakery)], [*types, "--cache-dir", str(bakery / ".mypy"), str(bakery)]):
        ended = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=1200)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def of_ovens(folder: Path) -> Answers:
    return Answers(
        name="burnt_bread",
        sample=write_ovens(folder / "ovens.csv", delimiter=";"),
        date="baked_on",
        label="burnt",
        keys=("oven",),
        known_before=("recipe", "loaves"),
        positive="yes",
        owner="bakery",
        objective='Name the ovens whose "best" bread will burn.',
    )


def of_hours(folder: Path) -> Answers:
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    times = [start + timedelta(hours=number) for number in range(24 * 40)]
    numbers = [float("nan") if number % 9 == 0 else number / 7 for number in range(len(times))]
    peak = [time.hour in (8, 17) for time in times]
    pq.write_table(pa.table({"at": times, 'a "quoted", name': numbers, "peak": peak}), folder / "hours.parquet")
    return Answers("hours", folder / "hours.parquet", date="at", label="peak", owner="town", label_delay=2)


def of_days(folder: Path) -> Answers:
    periods = [date(2024, 1, 1) + timedelta(days=number) for number in range(200) if number % 50 != 3]
    rows = {
        "day_of": periods,
        "holiday": [period.day == 1 for period in periods],
        "good": [period.day % 2 for period in periods],
    }
    pq.write_table(pa.table(rows), folder / "days.parquet")
    return Answers(
        "periods", folder / "days.parquet", date="day_of", label="good", owner="x", known_before=("holiday",)
    )


KINDS = [of_ovens, of_hours, of_days]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
def test_the_files_written_into_this_repository_pass_its_linters(kind, tmp_path):
    answers = kind(tmp_path)
    plan = plan_use_case(answers, read_sample(answers.sample), "include.use_cases.burnt_bread")
    for file in FILES:
        text = render_file(plan, file).replace(str(tmp_path), "/data")
        assert "{{" not in text and "{%" not in text
        if not file.endswith(".py"):
            assert f"airworthy run {answers.name} data --from 2024-0" in text and len(text) > 500
            continue
        module = f"include.use_cases.burnt_bread.{file.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__")
        assert file.startswith("tests/") or faults(module, text) == []
        written = tmp_path / "repository" / "include" / "use_cases" / "burnt_bread" / file
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path / "repository")
    # One run for all files: as in this repository, where `include` is the own package.
    for command in (["check", "--config", 'lint.isort.known-first-party=["include"]'], ["format", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        ended = subprocess.run(ruff, cwd=tmp_path / "repository", capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@every_kind
def test_its_functions_run_on_each_kind_of_sample(kind, bakery, tmp_path):
    write_use_case(kind(tmp_path), bakery, bakery.name)
    [use_case] = all_use_cases().values()
    found = importlib.import_module(f"{use_case.package}.tests.test_features")
    built = found.features.build(found.LAST, **found.feeds(found.LAST))
    found.test_every_planned_row_has_one_row_of_features(built)
    found.test_a_trailing_mean_is_the_mean_of_the_days_before(built)
    found.test_labels_are_zero_or_one_and_about_an_earlier_day()
    assert all(isinstance(use_case.function("expectations", feed.name)(), Suite) for feed in use_case.feeds)


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
