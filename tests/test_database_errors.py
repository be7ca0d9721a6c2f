"""Which errors of a database may pass by themselves, and what is shown of them."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from include import database_errors


class DriverError(Exception):
    """An error of a driver, with the SQLSTATE code that PostgreSQL's gives."""

    def __init__(self, words: str, code: str | None = None) -> None:
        super().__init__(words)
        self.pgcode = code


@pytest.mark.parametrize("code", ["08006", "40001", "40P01", "53300", "55P03", "57P01"])
def test_a_lost_connection_a_conflict_or_a_busy_server_may_pass(code):
    assert database_errors.is_temporary(OperationalError("select 1", {}, DriverError("no", code)))


@pytest.mark.parametrize("code", ["42P01", "42703", "28P01", "22012", "55000"])
def test_what_the_declaration_or_the_user_must_change_does_not_pass(code):
    assert not database_errors.is_temporary(OperationalError("select 1", {}, DriverError("no", code)))


@pytest.mark.parametrize(
    ("words", "temporary"),
    [("database is locked", True), ("no such table: sales", False), ("unable to open database file", False)],
)
def test_without_a_code_the_words_of_the_driver_decide(words, temporary):
    assert database_errors.is_temporary(OperationalError("select 1", {}, DriverError(words))) == temporary


def test_an_error_in_the_statement_does_not_pass():
    assert not database_errors.is_temporary(ProgrammingError("selec 1", {}, DriverError("near selec")))


def test_credentials_are_known_by_code_or_words():
    assert database_errors.are_credentials(DriverError("no", "28P01"))
    assert database_errors.are_credentials(DriverError("Access denied for user"))
    assert not database_errors.are_credentials(DriverError("no", "42P01"))


def test_the_statement_and_its_values_are_not_shown():
    error = OperationalError("select secret", {"a": 1}, DriverError("it is\n  closed."))
    assert database_errors.in_one_line(error) == "it is closed"
