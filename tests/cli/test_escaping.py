"""Output of every command escapes terminal control characters."""

import io
import sys

import pytest
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from include.cli import escaping

HOSTILE = "a\x1b[2J\x1b]8;;http://evil\x07b\u202ec\x9bd"
SAFE = r"a\x1b[2J\x1b]8;;http://evil"


def printed(*what: object, **style: str) -> str:
    out = io.StringIO()
    escaping.PrintableConsole(file=out, markup=False, emoji=False, highlight=False, width=200).print(*what, **style)
    return out.getvalue()


def table() -> Table:
    made = Table(HOSTILE, title=HOSTILE)
    made.add_row(HOSTILE)
    return made


@pytest.mark.parametrize("what", [HOSTILE, Text(HOSTILE), table(), Tree(HOSTILE), Tree(Text(HOSTILE))])
def test_escape_sequences_and_changes_of_direction_are_shown(what):
    said = printed(what, style="bold")
    assert not {each for each in said if not each.isprintable()} - {"\n"}
    assert r"\x1b[2J" in said


def test_brackets_and_colons_are_text(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    escaping.make_console().print("[red]x[/red] :smile: [link=http://evil]y[/link]")
    assert out.getvalue() == "[red]x[/red] :smile: [link=http://evil]y[/link]\n"


def test_a_line_break_draws_no_line_of_its_own(capsys):
    escaping.print_line(escaping.make_console(), "reason: x\nverified: 9 entries")
    assert capsys.readouterr().out == "reason: x\\nverified: 9 entries\n"


def test_an_error_that_no_one_foresaw_is_printed_without_what_drives_the_terminal(capsys):
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        escaping.print_failure(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert SAFE in said and "Traceback" in said and "\x1b" not in said and "\u202e" not in said
