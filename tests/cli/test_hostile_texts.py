"""Foreign texts in the output of commands cannot control the terminal or forge lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from include.backtest.result import PolicyOutcome
from include.backtest.run import BacktestResult
from include.cli import backtest, check, lineage, main, maintain, rebuild_plan
from include.cli.escaping import make_console
from include.declaration.problems import DeclarationError
from include.errors import InvalidRequestError
from include.evaluation.check_finding import CheckFinding
from include.features.rebuild_plan import Cost, RebuildPlan, RebuildStep
from include.features.staleness import StalePeriod, TableStaleness
from include.ingestion import resubmit
from include.maintenance.apply import CleanupResult
from include.project import open_project
from include.promotion import rollback
from include.registry.mlflow_registry import Registry
from include.reproduction.lineage import Content, Lineage
from include.scoring import score
from include.use_case import Suite
from tests.conftest import AS_OF, LAST
from tests.hostile_use_cases.toy import HOSTILE, USE_CASE
from tests.quarantined import land, spoil
from tests.toy_use_case import expectations

pytestmark = pytest.mark.security

DAY, BAD = AS_OF + 1, LAST + 1
NOTHING_FOREIGN = {
    "up": "it starts services",
    "down": "it stops services",
    "status": "it names services and their addresses",
    "demo": "it runs services; what it prints at its end is that of report",
    "token": "it prints a token",
    "upgrade": "it prints numbers",
    "exports": "it prints destinations, which are declared, with times and numbers",
    "catalogue": "it prints what is declared",
    "airflow": "it is Airflow's own command",
}
"""Commands that print nothing that others have written."""
COMMANDS: dict[str, list[str]] = {
    "report": ["toy", str(DAY)],
    "predictions": ["toy", str(DAY)],
    "ledger": ["toy"],
    "score-card": ["toy"],
    "lineage": ["toy", str(DAY), f"event_date={DAY}", "id=1"],
    "explain": ["toy", "--period", str(DAY), "--key", f"event_date={DAY}", "--key", "id=1"],
    "frame": ["toy", "checked/events", str(BAD)],
    "new": ["bread", "--sample", "FOLDER/wrong.csv", "--date", "period", "--keys", "", "--label", "burnt"],
    "run": ["toy", "score", "--from", str(DAY), "--version", HOSTILE],
    "plan": ["toy"],
    "backfill": ["toy", "--from", str(DAY), "--to", str(DAY), "--plan"],
    "go-live": ["toy", "--from", str(DAY - 60), "--to", str(DAY), "--train-as-of", str(DAY), "--plan"],
    "trial": ["toy", "end", HOSTILE, "--reason", HOSTILE],
    "maintain": [],
    "rebuild": ["toy", "features", "--from", str(DAY)],
    "quarantine counts": ["toy"],
    "quarantine show": ["toy"],
    "quarantine export": ["toy", "FOLDER/out.csv", "--feed", "events"],
    "quarantine correct": ["toy", "FOLDER/wrong.csv", "--feed", "events", "--comment", "mistyped"],
    "quarantine release": ["toy", "--feed", "events", "--comment", "right", "--reason", "none"],
    "quarantine balance": ["toy"],
}


def paths(command: Any, before: str = "") -> Iterator[str]:
    """The name of each command that the parser knows."""
    commands = getattr(command, "commands", None)
    if commands is None:
        yield before
    else:
        for name, each in commands.items():
            yield from paths(each, f"{before} {name}".strip())


def test_every_command_of_the_parser_is_walked_or_prints_nothing_foreign():
    walked = COMMANDS.keys() | NOTHING_FOREIGN.keys() | {name for name in RESULTS if "'" not in name}
    assert {*paths(typer.main.get_command(main.app))} == walked


@pytest.fixture(scope="module")
def planted_home(homes, tmp_path_factory) -> Path:
    """A home with a champion, in which each text that others write is planted."""
    from tests.conftest import moved_into
    from tests.toys import EVENTS

    home = tmp_path_factory.mktemp("planted") / "home"
    with moved_into(homes.champion(EVENTS), home) as patch:
        patch.setenv("AIRWORTHY_USE_CASE_PACKAGES", "tests.hostile_use_cases")
        score.score_period(open_project(USE_CASE), DAY)
        rollback.roll_back(open_project(USE_CASE), "1", DAY, actor=HOSTILE, reason=HOSTILE)
        patch.setattr(expectations, "events", _suite)
        spoil(patch, "events", "kind", [HOSTILE, HOSTILE], BAD)
        spoil(patch, "events", "hour", [25, -1], BAD)
        land("events", BAD, use_case=USE_CASE)
        first = resubmit.quarantine.read_quarantine(open_project(USE_CASE), "events").rows.to_pylist()[0]
        resubmit.resubmit_released(
            open_project(USE_CASE), "events", first["reasons"], actor=HOSTILE, comment=HOSTILE, ids=[first["digest"]]
        )
        # Last: whatever writes to the ledger puts tags right that differ from the record.
        Registry(USE_CASE).tag_version("1", {"commit": HOSTILE, "processor": HOSTILE, "model_card": HOSTILE}, HOSTILE)
    return home


@pytest.fixture
def planted(planted_home, lake_home, monkeypatch, configure, tmp_path) -> Path:
    """That home as the test's own."""
    from tests.conftest import move

    move(planted_home, lake_home, monkeypatch)
    configure(use_case_packages="tests.hostile_use_cases")
    (tmp_path / "wrong.csv").write_text(f'"quarantined_row","{HOSTILE}"\n"x","{HOSTILE}"\n')
    return tmp_path


def _suite() -> Suite:
    """Set aside what no hour of a day has, and a kind that the reason quotes."""
    hours = gxe.ExpectColumnValuesToBeBetween(column="hour", min_value=0, max_value=23)
    return Suite(rows=(hours, gxe.ExpectColumnValuesToNotBeInSet(column="kind", value_set=[HOSTILE])), table=())


CONTENT = Content(HOSTILE, DAY, HOSTILE, 1, 1, still=True)
FINDINGS = [CheckFinding(severity, HOSTILE) for severity in ("error", "warning", "note")]
COST = Cost(1, 1, None, 0)
PLAN = RebuildPlan(
    HOSTILE,
    (TableStaleness(HOSTILE, 2, (StalePeriod(DAY, 1, "other code", (HOSTILE,)),)),),
    (RebuildStep(HOSTILE, DAY, DAY, COST, HOSTILE, HOSTILE),),
)
ITEM = {"kind": HOSTILE, "table": HOSTILE, "name": HOSTILE, "reason": HOSTILE}
NUMBERS = dict.fromkeys(("log_loss", "auc", "brier", "expected_cost"), 0.5)
TRAINING = {"period": HOSTILE, "result": HOSTILE, "gain": None, "reason": HOSTILE, "false_alarm": True}
OUTCOME = PolicyOutcome(HOSTILE, HOSTILE, (TRAINING,), 1, NUMBERS, {HOSTILE: NUMBERS}, {}, 1.0)
HEADINGS = dict.fromkeys((*NUMBERS, "log_loss"), "PLANTED\x1b[31m")
"""Short, since the title of a table is wrapped."""
REPLAYED = BacktestResult(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "log_loss", tuple(NUMBERS), HEADINGS, (OUTCOME,), ())
RESULTS: dict[str, Callable[[Console], None]] = {
    "check": lambda console: check.print_findings(console, FINDINGS),
    "check's gates": lambda console: check.print_gate_results(
        console, [{"outcome": HOSTILE, "gate": HOSTILE, "reason": HOSTILE}]
    ),
    "check's progress": lambda console: check.make_progress_printer(console, every=0)(HOSTILE),
    "lineage": lambda console: lineage.print_lineage_tree(
        console, Lineage("toy", DAY, {HOSTILE: HOSTILE}, HOSTILE, "1", "0", {HOSTILE: HOSTILE}, CONTENT, None, ())
    ),
    "plan": lambda console: rebuild_plan.print_plan(console, PLAN),
    "replay": lambda console: backtest.print_backtest_result(console, HOSTILE, REPLAYED),
    "maintain": lambda console: maintain.print_cleanup_result(
        console, CleanupResult(HOSTILE, False, {}, (HOSTILE,), (ITEM,), (), (HOSTILE,))
    ),
}
"""What commands print of their results, where it takes minutes to come to one, or it is nothing foreign today."""


def said_by(planted: Path, command: str) -> str:
    """All that a command prints, as the program prints it: its error, too."""
    arguments = [each.replace("FOLDER", str(planted)) for each in (*command.split(), *COMMANDS[command])]
    result = CliRunner().invoke(main.app, arguments)
    if result.exception is None or isinstance(result.exception, SystemExit):
        return result.output
    assert isinstance(result.exception, InvalidRequestError | DeclarationError), repr(result.exception)
    return f"{result.output}{result.exception}"


FREE = {
    *(
        "quarantine balance",
        "quarantine export",
        "predictions",
        "lineage",
        "explain",
        "plan",
        "maintain",
        "rebuild",
        "backfill",
        "go-live",
    ),
}
"""Commands whose output holds nothing of what is planted."""


def assert_harmless(said: str) -> None:
    assert not {each for each in said if not each.isprintable()} - {"\n"}
    assert [line for line in said.splitlines() if "FALSE" in line and "PLANTED" not in line] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_what_others_have_written_drives_nothing_and_draws_no_line(planted, command):
    said = said_by(planted, command)
    assert_harmless(said)
    shows_some = any(part in said for part in ("PLANTED", "x9b2J"))  # long texts are cut in the middle
    assert shows_some == (command not in FREE), said


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_that_others_have_written_drives_nothing_and_draws_no_line(result, capsys, configure):
    configure(terminal_columns="400")  # a text that is wrapped goes on in a line without its beginning
    RESULTS[result](make_console())
    said = capsys.readouterr().out
    assert_harmless(said)
    assert "PLANTED" in said


@pytest.mark.parametrize("command", [["quarantine", "export", "toy", "--feed", "events"], ["frame", "toy"]])
def test_no_cell_of_an_exported_file_runs(planted, command):
    out = planted / "cells.csv"
    more = [str(out)] if command[0] == "quarantine" else ["checked/events", str(BAD), "--out", str(out)]
    monkey = CliRunner().invoke(main.app, [*command, *more])
    assert monkey.exception is None, monkey.output
    rows = list(csv.reader(io.StringIO(out.read_text(), newline="")))
    assert len(rows) > 1
    assert [cell for row in rows[1:] for cell in row if cell.lstrip()[:1] in ("=", "+", "@") and len(cell) > 1] == []


def test_the_error_of_the_program_is_printed_without_what_drives_the_terminal(lake_home, capsys):
    with pytest.raises(SystemExit):
        main.main(["report", HOSTILE])
    said = capsys.readouterr().err
    assert "PLANTED" in said and "\x1b" not in said and "\u202e" not in said
