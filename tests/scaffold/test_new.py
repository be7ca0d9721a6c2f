"""A use case that `airworthy new` has written runs at once: linters, its tests, check, data, training, scores."""

from __future__ import annotations

import csv
import importlib
import io
import shlex
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from include.cli import main
from include.cli.new import QUESTIONS, ask_missing, write_new_use_case
from include.declaration.problems import DeclarationError
from include.declaration.use_case_discovery import all_use_cases, load_use_case
from include.errors import InvalidRequestError
from include.ingestion import ingest
from include.project import open_project
from include.scaffold.answers import Answers
from include.scaffold.plan import plan_use_case
from include.scaffold.render import FILES, render_file, write_use_case
from include.scaffold.rhythm import propose_calendar
from include.scaffold.sample import read_sample
from include.settings import REPOSITORY
from include.use_case import Daily, Suite, Weekly
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


def of_loaves(folder: Path) -> Answers:
    return replace(of_ovens(folder), label="loaves", known_before=("recipe",), positive="")


def of_bakers(folder: Path) -> Answers:
    return replace(of_ovens(folder), label="baker", positive="")


def of_counts(folder: Path) -> Answers:
    """A number for each day, whose only key is the date; on two days there is none."""
    periods = [date(2024, 1, 1) + timedelta(days=number) for number in range(120)]
    amounts = [None if period.day == 5 else float(period.day) for period in periods]
    pq.write_table(pa.table({"on": periods, "amount": amounts}), folder / "counts.parquet")
    return Answers("counts", folder / "counts.parquet", date="on", label="amount", owner="x")


def of_rides(folder: Path) -> Answers:
    """A count for each hour and station."""
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    times = [start + timedelta(hours=number // 2) for number in range(24 * 2 * 30)]
    stations = ["Nord", "Süd"] * (24 * 30)
    rides = [time.hour * (2 if station == "Nord" else 1) for time, station in zip(times, stations, strict=True)]
    pq.write_table(pa.table({"at": times, "station": stations, "rides": rides}), folder / "rides.parquet")
    return Answers("rides", folder / "rides.parquet", date="at", keys=("station",), label="rides", owner="town")


def of_trams(folder: Path, days: int = 12) -> Answers:
    """A count for each hour and stop, of an hourly use case, in a zone whose clocks are set back."""
    start = datetime(2024, 10, 20)  # noqa: DTZ001
    with (folder / "trams.csv").open("w") as file:
        file.write("at,stop,rain,waiting\n")
        for number in range(24 * days):
            at = start + timedelta(hours=number)
            rows = (f"{at},{stop},{number % 7 / 2},{3 + (at.hour * place) % 11}\n" for place, stop in enumerate("abc"))
            file.writelines(rows)
    return Answers(
        "trams",
        folder / "trams.csv",
        date="at",
        keys=("stop",),
        label="waiting",
        known_before=("rain",),
        owner="town",
        label_delay=2,
        calendar="hourly",
        time_zone="Europe/Berlin",
    )


def of_shops(folder: Path) -> Answers:
    """A number for each week and shop, decided on Sundays at 18:00; dates are any day of the week."""
    days = [date(2024, 1, 7) + timedelta(days=7 * number + number % 3) for number in range(60)]
    rows = {"on": [day for day in days for _ in "ab"], "shop": ["a", "b"] * 60, "orders": [*map(float, range(120))]}
    pq.write_table(pa.table(rows), folder / "shops.parquet")
    sample = folder / "shops.parquet"
    return Answers(
        *("shops", sample),
        date="on",
        keys=("shop",),
        label="orders",
        owner="x",
        calendar="weekly",
        on="sunday",
        at="18:00",
        time_zone="America/New_York",
    )


KINDS = [of_trams, of_shops, of_ovens, of_hours, of_days, of_loaves, of_bakers, of_counts, of_rides]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
def test_the_files_written_into_this_repository_pass_its_linters(kind, tmp_path):
    answers = kind(tmp_path)
    plan = plan_use_case(answers, read_sample(answers.sample), "include.use_cases.burnt_bread")
    for file in FILES:
        text = render_file(plan, file).replace(str(tmp_path), "/data")
        assert "{{" not in text and "{%" not in text
        if not file.endswith(".py"):
            assert f"airworthy run {answers.name} data --from {plan.first}" in text and len(text) > 500
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
    answers = kind(tmp_path)
    write_use_case(answers, read_sample(answers.sample), bakery, bakery.name)
    [use_case] = all_use_cases().values()
    found = importlib.import_module(f"{use_case.package}.tests.test_features")
    built = found.features.build(found.LAST, **found.feeds(found.LAST))
    found.test_every_planned_row_has_one_row_of_features(built)
    found.test_a_trailing_mean_is_the_mean_of_the_periods_before(built)
    found.test_labels_have_the_declared_values_and_are_about_an_earlier_period()
    assert all(isinstance(use_case.function("expectations", feed.name)(), Suite) for feed in use_case.feeds)


@pytest.mark.parametrize("delay", ["1", "3"])
def test_what_is_delivered_has_the_declared_columns_and_only_what_was_known(bakery, delay):
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


HOURLY = ("--date", "at", "--keys", "stop", "--label", "waiting", "--known-before", "rain", "--calendar", "hourly")


@pytest.mark.slow
@pytest.mark.long
def test_an_hourly_use_case_passes_check_as_it_is_written(bakery, tracking, without_plots, tmp_path):
    sample = of_trams(tmp_path, days=9).sample
    written = done("new", "trams", "--sample", str(sample), *HOURLY, "--label-delay", "2")
    last = load_use_case("trams").last_period
    assert f"airworthy check trams {last}" in written and str(last) == "2024-10-28T23Z"
    assert "passes its gates" in done("check", "trams", str(last))


def test_a_calendar_that_cannot_be_is_refused(bakery, tmp_path):
    sample = str(tmp_path / "ovens.csv")
    for more in (
        ("--calendar", "monthly"),
        ("--calendar", "hourly"),  # dates do not say the hour
        ("--calendar", "hourly", "--at", "06:00"),
        ("--calendar", "weekly", "--on", "mondays"),
        ("--at", "6 o'clock"),
        ("--on", "monday"),
    ):
        refused = run("new", "bread", "--sample", sample, *OPTIONS, *more).exception
        assert isinstance(refused, DeclarationError), more
        assert {problem.path for problem in refused.problems} <= {"calendar", "at", "on"}, refused
    assert not (bakery / "bread").exists()


@pytest.mark.parametrize(
    ("dates", "calendar"),
    [
        ([datetime(2024, 1, 1, hour) for hour in range(24)], "hourly"),  # noqa: DTZ001
        ([date(2024, 1, 7) + timedelta(weeks=number) for number in range(5)], "weekly"),
        ([date(2024, 1, 7) + timedelta(days=number) for number in range(9)], "daily"),
        ([date(2024, 1, 7)] * 9, "daily"),
        ([datetime(2024, 1, 1 + day) for day in range(9)], "daily"),  # noqa: DTZ001
        (["a", "b"], "daily"),
    ],
)
def test_the_calendar_that_the_dates_suggest_is_proposed(dates, calendar):
    assert propose_calendar(pa.chunked_array([dates])) == calendar


def test_on_a_terminal_the_proposed_calendar_is_the_default(bakery, tmp_path):
    of_shops(tmp_path)
    rows = pq.read_table(tmp_path / "shops.parquet").to_pandas()
    rows["on"] = [date(2024, 1, 3) + timedelta(weeks=number // 2) for number in range(len(rows))]
    rows.to_parquet(tmp_path / "weeks.parquet")
    options = dict.fromkeys(("sample", "sample_table", "conn_id", *QUESTIONS))
    options |= {"sample": str(tmp_path / "weeks.parquet"), "date": "on", "keys": "shop", "label": "orders"}
    asked = {}
    console = Console(file=io.StringIO(), width=300)
    write_new_use_case(console, None, options, asked.setdefault, name="shops", positive="")
    assert asked[QUESTIONS["calendar"].text] == "weekly"
    assert load_use_case("shops").calendar == Weekly(on="wednesday")
    options |= {"calendar": None}
    console = Console(file=(shown := io.StringIO()), width=300)
    write_new_use_case(console, None, options, None, name="shops_by_day", positive="")
    assert "--calendar weekly" in shown.getvalue() and load_use_case("shops_by_day").calendar == Daily()


@pytest.fixture
def warehouse(tmp_path: Path, configure: Configure) -> str:
    """A Connection to a database with the ovens; some of its columns have odd names."""
    with sqlite3.connect(tmp_path / "warehouse.db") as database:
        database.execute(
            'create table ovens (baked_on date, oven text, recipe text, loaves integer, "°C at noon" real,'
            " baker text, never text, burnt text)"
        )
        with (write_ovens(tmp_path / "ovens.csv")).open(encoding="utf-8", newline="") as file:
            rows = [[value or None for value in row] for row in csv.reader(file)][1:]
        database.executemany("insert into ovens values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    configure.connections(warehouse=f"sqlite:///{quote(str(tmp_path / 'warehouse.db'))}")
    return "warehouse"


TABLE = ("--sample-table", "ovens", "--conn-id", "warehouse", "--date", "baked_on", "--keys", "oven")
LABELS = {
    "burnt_bread": ("--label", "burnt", "--positive", "yes", "--known-before", "recipe,loaves"),
    "loaves": ("--label", "loaves", "--known-before", "recipe"),
    "bakers": ("--label", "baker", "--known-before", "recipe,loaves"),
}


@pytest.mark.parametrize("name", LABELS)
def test_a_table_becomes_two_queries_that_land_the_same_rows_as_the_file(bakery, warehouse, tmp_path, name):
    done("new", name, *TABLE, *LABELS[name])
    done("new", f"{name}_of_file", "--sample", str(tmp_path / "ovens.csv"), *TABLE[4:], *LABELS[name])
    assert not (bakery / name / "source.py").exists()
    landed = {}
    for use_case in (load_use_case(name), load_use_case(f"{name}_of_file")):
        project, period = open_project(use_case), use_case.first_period + 4
        ingest.ingest_period(project, period)
        view = project.lake.as_of(period)
        landed[use_case.name] = {feed.name: view.read(f"raw/{feed.name}", period, period) for feed in use_case.feeds}
    of_table, of_file = landed.values()
    assert {feed: rows.num_rows for feed, rows in of_table.items()} == {"planned": 12, "observed": 12}
    assert of_table["planned"] == of_file["planned"]
    assert of_table["observed"].drop_columns(["never"]) == of_file["observed"], "a table has types without values"
    found = importlib.import_module(f"{load_use_case(name).package}.tests.test_features")
    built = found.features.build(found.LAST, **found.feeds(found.LAST))
    found.test_every_planned_row_has_one_row_of_features(built)
    found.test_a_trailing_mean_is_the_mean_of_the_periods_before(built)
    found.test_labels_have_the_declared_values_and_are_about_an_earlier_period()


def test_a_table_that_is_not_there_is_refused(bakery, warehouse):
    result = run("new", "burnt_bread", *("--sample-table", "owens", *TABLE[2:]), *LABELS["burnt_bread"])
    assert isinstance(result.exception, DeclarationError) and "there is no table 'owens'" in str(result.exception)
    result = run("new", "burnt_bread", *TABLE[:2], *TABLE[4:], *LABELS["burnt_bread"])
    assert isinstance(result.exception, InvalidRequestError), "a table without a Connection"


def test_what_is_not_given_is_asked_for_on_a_terminal_and_else_named():
    given = dict.fromkeys(QUESTIONS) | {"owner": "me"}
    asked = {}
    answers = ask_missing(given, QUESTIONS, lambda question, default: asked.setdefault(question, default) or "x")
    assert answers == dict.fromkeys(QUESTIONS, "x") | {
        "owner": "me",
        "label_delay": "1",
        "time_zone": "UTC",
        "calendar": "daily",
    }
    assert len(asked) == len(QUESTIONS) - 1
    with pytest.raises(InvalidRequestError, match="Give --date, --label, or run it on a terminal"):
        ask_missing(given, QUESTIONS, None)
    assert ask_missing(given | {"date": "d", "label": "l"}, QUESTIONS, None)["label_delay"] == "1"


def test_on_a_terminal_the_name_alone_is_enough(bakery, tmp_path):
    answers = {
        "CSV": str(tmp_path / "ovens.csv"),
        "Column with the day": "baked_on",
        "Columns that, with": "oven",
        "Column with the outcome": "burnt",
        "The value that is predicted": "yes",
    }
    options = dict.fromkeys(("sample", "sample_table", "conn_id", *QUESTIONS))
    console = Console(file=(shown := io.StringIO()), width=300)

    def ask(question: str, default: str) -> str:
        return next((text for begin, text in answers.items() if question.startswith(begin)), default)

    write_new_use_case(console, None, options, ask, name="burnt_bread", positive="")
    assert "baked_on (date32), oven (string)" in shown.getvalue()
    assert load_use_case("burnt_bread").task.kind == "binary"


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
