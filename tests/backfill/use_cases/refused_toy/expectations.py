"""Expectations of the toy use case."""

from tests.toy_use_case.expectations import events, outcomes

__all__ = ["events", "outcomes"]
