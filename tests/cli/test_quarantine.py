"""`airworthy quarantine`: list, show, export, correct, release and balance."""

from pathlib import Path

import great_expectations.expectations as gxe
import pytest
from typer.testing import CliRunner

from include.cli import main
from include.errors import InvalidRequestError
from include.ingestion.correction_errors import (
    FeedUnknownError,
    NothingOpenError,
    NothingQuarantinedError,
    ReasonsMissingError,
    WithoutReasonsError,
)
from include.use_case import Suite
from tests.quarantined import DAY, HOUR, NEXT, land, spoil
from tests.refusals import raises
from tests.toy_use_case.expectations import events


@pytest.fixture(autouse=True)
def _toy(lake_home, monkeypatch, configure) -> None:
    """Two events of DAY have impossible hours, and are quarantined."""
    configure(use_case_packages="tests.use_cases")
    spoil(monkeypatch, "events", "hour", [25, -1], DAY)
    land("events", DAY)


def typed(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main.app, ["quarantine", *arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def test_an_operator_looks_corrects_releases_and_sees_where_every_row_is(tmp_path: Path):
    row, total, other = typed("toy").splitlines()
    assert other.startswith("outcomes: 0 open, ")
    assert total.startswith("events: 2 open, 0 waiting for their period, 0 replayed, as of ")
    assert " ".join(row.split()) == f"{DAY} events 2 open 0 corrected 0 released {HOUR}"
    shown = typed("show", "toy", "--feed", "events", "--period", str(DAY))
    assert "hour=25" in shown
    assert shown.count("  open") == 2
    row = next(line.split()[0] for line in shown.splitlines() if line.startswith(f"{DAY}."))

    file = tmp_path / "rows.csv"
    assert "1 open row(s)" in typed("export", "toy", str(file), "--feed", "events", "--row", row)
    file.write_text(file.read_text().replace(",25,", ",5,").replace(",-1,", ",1,"))
    assert f"become known on {NEXT}" in typed("correct", "toy", str(file), "--feed", "events", "--comment", "mistyped")
    said = typed("release", "toy", "--feed", "events", "--reason", HOUR, "--comment", "the limit was wrong")
    assert "1 released row(s)" in said
    assert "2 waiting for their period" in typed("balance", "toy")

    land("events", NEXT)
    assert "0 in open quarantine + 0 waiting" in typed("balance", "toy", "--ask-source")
    assert "0 open     1 corrected     1 released" in typed("toy")
    assert f"correction 2, known on {NEXT}\n" in typed("show", "toy")


def test_a_balance_that_does_not_add_up_fails():
    from include.lake.lake import Lake
    from tests.toy_use_case import USE_CASE, source

    Lake.open(USE_CASE).replace("raw/events", DAY, source.events(DAY).slice(3), inputs={}, stage="ingest")
    assert "197 rows landed on 2020-01-10, and 200 are published or quarantined" in typed("balance", "toy", code=1)


def test_nothing_quarantined_is_said():
    assert typed("show", "toy", "--feed", "events", "--reason", HOUR).startswith("events: 2 quarantined")
    assert "No such row of toy is quarantined." in typed("toy", "--period", str(NEXT))


def test_nothing_that_a_source_delivers_drives_the_terminal(monkeypatch):
    spoil(monkeypatch, "events", "kind", ["\x1b]0;owned\x07", "a\r\n2020-01-10.ff  open\u202e"], DAY)
    land("events", DAY)
    shown = typed("show", "toy", "--feed", "events")
    assert r"kind=\x1b]0;owned\x07," in shown
    assert r"kind=a\r\n2020-01-10.ff  open\u202e," in shown
    assert len(shown.splitlines()) == 1 + 2 * 3
    assert all(each.isprintable() for each in shown.splitlines())


def test_an_existing_file_is_left_as_it_is(tmp_path: Path):
    file = tmp_path / "rows.csv"
    file.write_text("mine")
    with pytest.raises(InvalidRequestError, match="File exists"):
        typed("export", "toy", str(file), "--feed", "events")
    assert file.read_text() == "mine"


def test_where_no_row_is_open_no_file_is_made(tmp_path: Path):
    typed("release", "toy", "--feed", "events", "--reason", HOUR, "--comment", "the limit was wrong")
    with raises(NothingOpenError, count=2):
        typed("export", "toy", str(tmp_path / "rows.csv"), "--feed", "events")
    assert not list(tmp_path.glob("*.csv"))


def test_a_row_that_is_named_and_has_another_reason_is_not_passed_over(monkeypatch, toy_functions):
    spoil(monkeypatch, "events", "kind", [None], NEXT)
    stricter = Suite(rows=(*events().rows, gxe.ExpectColumnValuesToNotBeNull(column="kind")), table=())
    toy_functions.expectations(events=lambda: stricter)
    land("events", NEXT)
    shown = typed("show", "toy", "--feed", "events")
    rows = [line.split()[0] for line in shown.splitlines() if line.startswith((f"{DAY}.", f"{NEXT}."))]
    named = [word for row in rows for word in ("--row", row)]
    with raises(WithoutReasonsError, count=1):
        typed("release", "toy", "--feed", "events", "--reason", HOUR, "--comment", "the limit was wrong", *named)
    assert "2 open     0 corrected     0 released" in typed("toy", "--period", str(DAY))


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["export", "toy", "x.csv"], raises(InvalidRequestError, "--feed", ["events", "outcomes"])),
        (["show", "toy", "--feed", "weather"], raises(FeedUnknownError, feed="weather")),
        (["toy", "--feed", "events", "--period", str(NEXT)], raises(NothingQuarantinedError, period=NEXT)),
        (
            ["correct", "toy", "/nowhere.csv", "--feed", "events", "--comment", "because"],
            raises(InvalidRequestError, "/nowhere.csv", "No such file"),
        ),
        (["release", "toy", "--feed", "events", "--comment", "because"], raises(ReasonsMissingError)),
    ],
    ids=["no feed", "feed", "day", "file", "reasons"],
)
def test_what_cannot_be_done_is_refused(arguments, refusal):
    with refusal:
        typed(*arguments)
