"""A failed task's log: the reason and the remedy first, and one traceback."""

import logging
import traceback

import pytest

from include.declaration.period import Period
from include.errors import AirworthyError, DataError, SourceError
from include.orchestration import dag_factory
from include.orchestration.failures import TaskFailedError


def fail(error, cause=None):
    """The failure of a task in which this error is raised, perhaps from another."""
    with pytest.raises(TaskFailedError) as failed, dag_factory.fail_without_retry():
        raise error from cause
    return failed.value


def tracebacks(failure):
    return "".join(traceback.format_exception(failure)).count("Traceback (most recent call last)")


def test_the_log_has_each_sentence_of_a_message_in_a_line_of_its_own(caplog):
    with caplog.at_level(logging.ERROR):
        fail(DataError("toy: feed 'events' v1.5 is wrong. Nothing was written. Correct it."))
    assert caplog.messages == ["toy: feed 'events' v1.5 is wrong.", "Nothing was written.", "Correct it."]


def test_what_is_tried_again_logs_its_reason_too(caplog):
    class BusyError(AirworthyError):
        retryable = True

    with caplog.at_level(logging.ERROR), pytest.raises(BusyError), dag_factory.fail_without_retry():
        raise BusyError("It is busy. It is tried again.")
    assert caplog.messages == ["It is busy.", "It is tried again."]


def test_an_error_of_this_project_has_one_traceback():
    assert tracebacks(fail(DataError("rotten"))) == 1
    assert tracebacks(fail(DataError("rotten"), ValueError("half written"))) == 1


def test_an_error_in_a_use_cases_own_code_keeps_the_traceback_to_its_line():
    def source():
        raise ValueError("half written")

    def failure():
        try:
            source()
        except ValueError as error:
            return fail(SourceError("toy", "events", Period("2020-01-05"), error), error)

    assert tracebacks(found := failure()) == 2
    assert "in source" in "".join(traceback.format_exception(found))


def test_a_wrapped_error_of_this_project_is_not_shown_twice():
    cause = DataError("rotten")
    assert tracebacks(fail(SourceError("toy", "events", Period("2020-01-05"), cause), cause)) == 1
