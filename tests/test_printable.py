"""Characters that control a terminal are escaped; all others stay the same."""

import logging

import pytest

from include import printable


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
    assert printable.escape_line(value) == said


def test_a_text_keeps_its_own_lines():
    assert printable.escape_text("one\ntwo\x1b[2J\r\n") == "one\ntwo\\x1b[2J\\r\n"


def test_a_json_value_is_escaped_in_each_of_its_texts_and_names():
    value = {"a\x1b": ["\u202ex", 1, None, {"b": ("two\nlines\r",)}]}
    assert printable.escape_values(value) == {r"a\x1b": [r"\u202ex", 1, None, {"b": ["two\nlines\\r"]}]}


def test_a_log_line_shows_what_others_have_written_in_one_line_and_names_where_it_was_logged(caplog):
    log = printable.printable_logger("include.test")
    with caplog.at_level(logging.INFO):
        log.info("%s of %d: %.1f%s", "x\nFALSE\x1b[31m", 3, 1.25, None)
        log.warning("a whole text\nof two lines\u202e")
        try:
            raise ValueError
        except ValueError:
            log.exception("failed at %s", "\r")
    assert [record.message for record in caplog.records] == [
        r"x\nFALSE\x1b[31m of 3: 1.2None",
        "a whole text\nof two lines\\u202e",
        r"failed at \r",
    ]
    assert {record.funcName for record in caplog.records} == {
        "test_a_log_line_shows_what_others_have_written_in_one_line_and_names_where_it_was_logged"
    }
    assert caplog.records[-1].exc_info is not None
