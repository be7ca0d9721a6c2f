"""Invalid input of commands: a one-sentence error, no traceback, and nothing written to the lake."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from include.cli import main
from include.cli.check import CheckFailedError
from include.errors import AirworthyError, InvalidRequestError, NotReadyError, PartitionMissingError
from include.registry.mlflow_runs import MlflowUnreachableError
from tests.contexts import Configure

FIRST_DAY = "2020-01-01"
BEFORE, DAY = "2019-12-31", "2020-01-20"
FUTURE = str(date.today() + timedelta(days=400))  # noqa: DTZ011
KEYS = ("event_date=2020-01-20", "id=1")


def commands(name: str, period: str, file: str = "rows.csv") -> dict[str, list[str]]:
    """Every command that is about a use case, for a use case and a day."""
    return {
        "report": ["report", name],
        "report of days": ["report", name, period, period],
        "predictions": ["predictions", name, period],
        "ledger": ["ledger", name],
        "lineage": ["lineage", name, period, *KEYS],
        "check": ["check", name, period],
        "frame": ["frame", name, "features", period],
        "run": ["run", name, "data", "--from", period],
        "replay": ["replay", name, "--from", period, "--to", period],
        "upgrade": ["upgrade", name],
        "maintain": ["maintain", "--use-case", name],
        "trial": ["trial", name, "start", "2", "--from", period, "--reason", "x"],
        "quarantine": ["quarantine", name],
        "quarantine show": ["quarantine", "show", name, "--period", period],
        "quarantine export": ["quarantine", "export", name, file, "--period", period],
        "quarantine correct": ["quarantine", "correct", name, file, "--comment", "x"],
        "quarantine release": ["quarantine", "release", name, "--comment", "x", "--period", period],
        "quarantine balance": ["quarantine", "balance", name],
    }


OF_A_DAY = ["report of days", "predictions", "lineage", "check", "frame", "run", "replay", "trial"]


@pytest.fixture(autouse=True)
def toy(tracking: str, configure: Configure) -> None:
    configure(use_case_packages="tests.use_cases")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.app, list(arguments))


def refused(arguments: list[str], kind: type[AirworthyError] = AirworthyError) -> str:
    """The sentence with which a command refuses."""
    result = run(*arguments)
    assert isinstance(result.exception, kind), f"{result.output}\n{result.exception!r}"
    said = str(result.exception)
    assert said.endswith((".", "`", "…")) or " " in said
    return said


@pytest.mark.parametrize("command", commands("", ""))
def test_a_use_case_that_does_not_exist_is_named_with_those_that_do(command, tmp_path: Path):
    (file := tmp_path / "rows.csv").write_text("id\n1\n")
    said = refused(commands("missing", DAY, str(file))[command], InvalidRequestError)
    assert "'missing'" in said and "toy" in said


@pytest.mark.parametrize("command", [*OF_A_DAY, "quarantine show", "quarantine export", "quarantine release"])
@pytest.mark.parametrize("wrong", ["20.1.2020", "2020-13-01", "yesterday"])
def test_what_is_no_date_is_refused_with_the_format(command, wrong):
    result = run(*commands("toy", wrong)[command])
    assert result.exit_code == 2 and "2013-01-05" in result.output


@pytest.mark.parametrize("command", OF_A_DAY)
def test_a_day_before_the_first_is_refused_with_the_first(command, lake_home: Path):
    said = refused(commands("toy", BEFORE)[command])
    assert BEFORE in said
    assert command == "lineage" or FIRST_DAY in said


@pytest.mark.parametrize("command", OF_A_DAY)
def test_a_day_that_has_not_begun_is_refused(command):
    assert FUTURE in refused(commands("toy", FUTURE)[command])


@pytest.mark.parametrize(
    ("command", "kind"), [("predictions", PartitionMissingError), ("lineage", NotReadyError), ("frame", NotReadyError)]
)
def test_in_an_empty_lake_what_is_missing_is_named_with_what_makes_it(command, kind, lake_home: Path):
    said = refused(commands("toy", DAY)[command], kind)
    assert DAY in said and ("toy__" in said or "check" in said)
    assert not [*lake_home.rglob("*.parquet")]


@pytest.mark.parametrize("command", ["report", "report of days", "ledger", "quarantine", "quarantine balance"])
def test_what_only_looks_works_in_an_empty_lake(command):
    result = run(*commands("toy", DAY)[command])
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert result.output.strip()


@pytest.mark.parametrize("command", ["report", "report of days", "ledger"])
def test_without_an_answer_from_mlflow_its_address_is_named(command, configure):
    configure(mlflow="http://127.0.0.1:9")
    assert "127.0.0.1:9" in refused(commands("toy", DAY)[command], MlflowUnreachableError)


@pytest.mark.parametrize("command", ["report", "replay"])
def test_days_in_the_wrong_order_are_refused(command):
    periods = {"report": ["report", "toy", "2020-02-02", "2020-02-01"]}
    periods["replay"] = ["replay", "toy", "--from", "2020-02-02", "--to", "2020-02-01"]
    assert "2020-02-01" in refused(periods[command], InvalidRequestError)


def test_a_table_that_does_not_exist_and_a_file_that_cannot_be_written_are_refused(tmp_path: Path):
    assert "'feature'" in refused(["frame", "toy", "feature", DAY], InvalidRequestError)
    out = str(tmp_path / "nowhere" / "x.csv")
    assert out in refused(["frame", "toy", "features", DAY, "--out", out], InvalidRequestError)


@pytest.mark.parametrize("option", ["predictions", "frame"])
def test_a_number_of_rows_that_cannot_be_is_refused(option):
    assert run(*commands("toy", DAY)[option], "--rows", "0").exit_code == 2


def test_a_check_that_has_nothing_to_learn_from_says_so():
    result = run("check", "toy", FIRST_DAY)
    assert isinstance(result.exception, CheckFailedError)
    assert FIRST_DAY in result.output


def test_the_program_prints_the_sentence_and_fails(capsys):
    with pytest.raises(SystemExit) as ended:
        main.main(["predictions", "toy", BEFORE])
    assert ended.value.code == 1
    assert "BeforeFirstPeriodError: toy " in capsys.readouterr().err


def test_a_table_that_goes_into_a_pipe_is_not_cut(configure):
    configure(terminal_columns=None)
    assert main.make_console().width >= 200
