"""`airworthy ledger`: what it prints, and that it detects damage."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from include.cli import main
from include.declaration.period import Period
from include.project import open_project
from include.promotion import approve, rollback
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.registry.tags import LEDGER_HEAD
from tests.toy_use_case import USE_CASE
from tests.versions import LATER, promoted, register, rerecord


@pytest.fixture
def toy_declared(lake_home, configure):
    configure(use_case_packages="tests.use_cases")


@pytest.fixture
def decided(toy_declared, trained_toy) -> str:
    """Two promotions and a rollback."""
    register(trained_toy), register(trained_toy, LATER)
    promoted("1", actor="a run"), promoted("2", actor="a run")
    rollback.roll_back(open_project(USE_CASE), "1", Period("2020-03-08"), actor="Ann", reason="worse [red]at[/] night")
    return trained_toy


def printed() -> str:
    done = CliRunner().invoke(main.app, ["ledger", "toy"], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def ended_badly() -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(["ledger", "toy"])
    assert ended.value.code == 1


def test_every_entry_is_shown_with_its_days_and_reasons_as_they_were_typed(decided):
    lines = [line.split() for line in printed().splitlines()]
    assert ["2", "version", "2", "promotion", "2020-03-05", "to", "2020-03-07"] in [line[:7] for line in lines]
    last = next(place for place, line in enumerate(lines) if "rollback" in line)
    assert lines[last][:7] == ["3", "version", "1", "rollback", "2020-03-08", "to", "…"]
    assert lines[last + 1] == ["Ann:", "worse", "[red]at[/]", "night"]
    assert "verified: 3 entries, unbroken, signed, head matches" in printed()


def test_a_head_that_lags_is_no_damage_and_is_reported(decided):
    Registry(USE_CASE).set_ledger_head(Ledger.open(USE_CASE).entries()[0].head)
    assert "3 entries, unbroken, signed, but the head in MLflow is at entry 1: the next" in printed()


def test_damage_ends_the_command_with_a_message_and_a_code(decided, capsys):
    (Ledger.open(USE_CASE).folder / "000003.json").remove()
    ended_badly()
    shown = capsys.readouterr()
    assert "EntriesCutError: " in shown.err and "000003.json" in shown.err
    assert "verified" not in shown.out


def test_an_empty_ledger_says_so(tracking, toy_declared):
    assert printed() == "The ledger of toy is empty: no model was promoted yet.\n"


def test_a_ledger_whose_head_is_lost_is_not_reported_as_verified(decided, capsys):
    Registry(USE_CASE)._client.delete_registered_model_tag(USE_CASE.name, LEDGER_HEAD.name)
    ended_badly()
    shown = capsys.readouterr()
    assert "HeadMissingError: " in shown.err and "`airworthy.ledger.head`" in shown.err
    assert "verified" not in shown.out


def test_a_champion_that_is_another_model_by_now_is_reported(decided, capsys):
    rerecord("1", trees="others")
    ended_badly()
    shown = capsys.readouterr()
    assert "ModelReplacedError: toy: ledger entry 3" in shown.err and "verified" not in shown.out


def test_a_rejected_version_is_shown_as_never_champion(decided):
    approve.record_approval(
        open_project(USE_CASE), register(decided, Period("2020-03-09")), approved=False, actor="Ann", reason="no"
    )
    assert "4  version 3    rejection  never champion" in printed()


def test_an_entry_without_proof_is_shown_as_that(decided, capsys):
    ledger = Ledger.open(USE_CASE)
    last = ledger.entries()[-1]
    forged = replace(last, number=last.number + 1, previous=last.hash, actor="admin", reason="approved by the board")
    (ledger.folder / f"{forged.number:06d}.json").create(forged.content())
    ended_badly()
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "approved by the board" in line)
    assert lines[at + 1] == "     no proof: its signature does not fit its content"
    assert "UnprovenEntriesError" in shown.err and "verified" not in shown.out
