"""What a terminal would obey is written out; all else is as it was."""

import pytest

from include.local import terminal


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x1b[2J\x1b[31m", r"\x1b[2J\x1b[31m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\rb\nc\td\x08", r"a\rb\nc\td\x08"),
        ("\u202egpj.exe\u200b\u2028", r"\u202egpj.exe\u200b\u2028"),
        ("\ud800", r"\ud800"),
        ("Zürich ☃ 東京 [bold]", "Zürich ☃ 東京 [bold]"),
        (None, "None"),
        (1.5, "1.5"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(value, said):
    assert terminal.shown(value) == said


def test_a_text_keeps_its_own_lines():
    assert terminal.shown_lines("one\ntwo\x1b[2J\r\n") == "one\ntwo\\x1b[2J\\r\n"
