"""What of a failed task is tried again: Airflow's retry policy for every task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from include.errors import AirworthyError

RETRIES = 10
"""Tries after the first. A try that was killed counts, and no policy is asked about it."""
UNKNOWN_RETRIES = 3
"""Tries after the first for an error that this project does not know, such as a mistake in a use case's function."""
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=5), timedelta(minutes=10)


class RetryTemporaryErrors(RetryPolicy):
    """Retry errors that can pass by themselves, for at least 40 minutes; give up on others early.

    A service that restarts must fail no task, even where some tries were killed before; an error that stays must not
    keep a person waiting for the alert.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide on one failure; tries are counted from where the task was last cleared, when `max_tries` grew."""
        attempt = max(1, try_number - max(0, max_tries - RETRIES))
        delay = min(FIRST_DELAY * 2 ** min(attempt - 1, RETRIES), LONGEST_DELAY)
        if isinstance(exception, AirworthyError):
            if not exception.worth_retrying:
                return RetryDecision.fail("Another try cannot mend it.")
            return RetryDecision.retry(delay, "It can pass by itself.")
        if isinstance(exception, (ConnectionError, TimeoutError)):
            return RetryDecision.retry(delay, "A connection can come back.")
        if attempt > UNKNOWN_RETRIES:
            return RetryDecision.fail(f"An unknown error, after {attempt} tries.")
        return RetryDecision.retry(delay)

    def serialize(self) -> dict[str, Any]:
        """Return what names the policy: it has no settings."""
        return {"policy": f"{type(self).__module__}.{type(self).__qualname__}"}
