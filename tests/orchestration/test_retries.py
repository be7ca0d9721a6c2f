"""Which failures of a task are retried, and when its tries are used up."""

from datetime import timedelta

import pytest
from airflow.sdk import RetryAction

from include.errors import InvalidRequestError
from include.lake.s3 import ObjectStoreError
from include.orchestration.retries import LONGEST_DELAY, RETRIES, UNKNOWN_RETRIES, RetryTemporaryErrors

AWAY = ObjectStoreError("s3://lake", "cannot be reached", retryable=True)
S3_TRY = timedelta(seconds=20)
"""The least that a try lasts where S3 is away: its own retries."""


def decided(error: BaseException, try_number: int, max_tries: int = RETRIES):
    return RetryTemporaryErrors().evaluate(error, try_number, max_tries)


def test_an_error_that_no_try_can_mend_fails_at_the_first():
    assert decided(InvalidRequestError("no such day"), 1).action == RetryAction.FAIL


@pytest.mark.parametrize("error", [AWAY, ConnectionResetError(), TimeoutError()])
def test_an_error_that_can_pass_is_retried_until_the_last_try(error):
    assert {decided(error, number).action for number in range(1, RETRIES + 1)} == {RetryAction.RETRY}


def test_after_three_kills_five_minutes_without_s3_are_outlasted():
    waited = timedelta(0)
    for number in range(4, RETRIES + 1):  # after three killed tries no one is asked
        waited += S3_TRY + decided(AWAY, number).retry_delay
    assert waited > timedelta(minutes=30)


def test_an_unknown_error_fails_after_four_tries_within_a_minute():
    found = [decided(KeyError("column"), number) for number in range(1, RETRIES + 1)]
    assert [each.action for each in found[:UNKNOWN_RETRIES]] == [RetryAction.RETRY] * 3
    assert {each.action for each in found[UNKNOWN_RETRIES:]} == {RetryAction.FAIL}
    assert sum((each.retry_delay for each in found[:UNKNOWN_RETRIES]), timedelta(0)) < timedelta(minutes=1)


def test_pauses_grow_up_to_ten_minutes():
    pauses = [decided(AWAY, number).retry_delay for number in range(1, RETRIES + 1)]
    assert pauses == sorted(pauses) and pauses[0] == timedelta(seconds=5) and pauses[-1] == LONGEST_DELAY


def test_the_tries_of_a_task_are_counted_from_where_it_was_cleared():
    after_four = 4 + RETRIES  # what Airflow counts as the most tries once a task was cleared at its fourth
    assert decided(KeyError("column"), 5, after_four) == decided(KeyError("column"), 1)
