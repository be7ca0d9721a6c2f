"""Define which failures are retried: Airflow's retry policy for every task."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from include.errors import AirworthyError

RETRIES = 10
"""Tries after the first. A killed try counts too, and is retried without asking the policy."""
UNKNOWN_RETRIES = 3
"""Tries after the first for an unknown error, such as a mistake in a use case's function."""
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=5), timedelta(minutes=10)


class RetryTemporaryErrors(RetryPolicy):
    """Retry temporary errors for at least 40 minutes; give up on others early.

    A service restart must not fail a task, even if some tries were killed before. A permanent error must not delay
    its alert.
    """

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:
        """Decide on one failure.

        Tries count from the last clearing, which raises `max_tries`.
        """
        attempt = max(1, try_number - max(0, max_tries - RETRIES))
        delay = min(FIRST_DELAY * 2 ** min(attempt - 1, RETRIES), LONGEST_DELAY)
        if isinstance(exception, AirworthyError):
            if not exception.retryable:
                return RetryDecision.fail("Another try cannot fix it.")
            return RetryDecision.retry(max(delay, exception.retry_after), "It may be temporary.")
        if isinstance(exception, (ConnectionError, TimeoutError)):
            return RetryDecision.retry(delay, "A connection may recover.")
        if attempt > UNKNOWN_RETRIES:
            return RetryDecision.fail(f"An unknown error, after {attempt} tries.")
        return RetryDecision.retry(delay)

    def serialize(self) -> dict[str, Any]:
        """Return the policy's name; it has no settings."""
        return {"policy": f"{type(self).__module__}.{type(self).__qualname__}"}
