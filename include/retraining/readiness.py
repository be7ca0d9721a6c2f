"""Readiness: whether what others wait for is there. Light: sensors and the triggerer import it."""

from __future__ import annotations

from datetime import date, timedelta

from include.declaration.use_case import UseCase
from include.lake.lake import Lake
from include.registry.ledger import Ledger
from include.retraining import decide


def is_available(use_case: UseCase, table: str, day: date) -> bool:
    """Whether the lake holds that day of a table, or never will: nobody scores a day that has no champion.

    InvalidRequestError for a day before the first: none will ever come.
    """
    use_case.require(day)
    if day in Lake.of(use_case).as_of(day).partitions(table, since=day):
        return True
    return table == "predictions" and Ledger.of(use_case).champion_apart_from(None, day) is None


def is_ready_to_decide(use_case: UseCase, day: date) -> bool:
    """Whether the day is decided, or the day before is, and all trainings before have their outcome.

    Where a chain of decisions may begin, no lake can tell: an earlier day may be about to be decided.
    InvalidRequestError for a day before the first.
    """
    use_case.require(day)
    if decide.existing_decision(use_case, day):
        return True
    before = day - timedelta(days=1)
    return before in Lake.of(use_case).as_of(day).partitions(
        "decisions", since=before
    ) and decide.has_no_open_retraining(use_case, day)
