"""The integration tests read docker-compose.yaml as compose would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.compose import MissingError, Service, filled, read

VARIABLES = {"NAME": "ada", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$NAME and ${NAME}", "ada and ada"),
        ("${EMPTY:-other}, ${EMPTY-other}, ${NONE-other}", "other, , other"),
        ("${NONE:-${NAME}}", "ada"),
        ("${NAME:?make env}", "ada"),
        ("${NAME:+there}, ${EMPTY:+there}", "there, "),
        ("$${NAME} costs $$5", "${NAME} costs $5"),
        ("http://s3:8333", "http://s3:8333"),
    ],
)
def test_variables_are_filled_in(text, expected):
    assert filled(text, VARIABLES) == expected


@pytest.mark.parametrize("text", ["${EMPTY:?run make env}", "${NONE?run make env}"])
def test_a_variable_that_must_be_there_is_asked_for(text):
    with pytest.raises(MissingError, match="run make env"):
        filled(text, VARIABLES)


def test_anchors_and_both_ways_to_write_a_command_and_an_environment_are_read(tmp_path: Path):
    (tmp_path / "c.yaml").write_text(
        "x-common: &common {A: 1, B: $NAME}\n"
        "services:\n"
        "  one: {command: 'run --name \"two words\"', environment: {<<: *common, B: 'yes'}}\n"
        "  two: {entrypoint: [tini], command: [run], environment: [A=b=c]}\n"
    )
    assert read(tmp_path / "c.yaml", VARIABLES) == {
        "one": Service(("run", "--name", "two words"), {"A": "1", "B": "yes"}),
        "two": Service(("tini", "run"), {"A": "b=c"}),
    }


def test_only_a_whole_word_is_replaced():
    service = Service(("serve", "s3:80", "my-s3:80", "s3:8000"), {"URL": "http://s3:80/x", "DIR": "/tmp/a:/var/tmp"})
    moved = service.replaced({"s3:80": "127.0.0.1:4", "/tmp": "/else where"})
    assert moved.command == ("serve", "127.0.0.1:4", "my-s3:80", "s3:8000")
    assert moved.environment == {"URL": "http://127.0.0.1:4/x", "DIR": "/else where/a:/var/tmp"}
