"""Readiness: whether what others wait for is there. Light: sensors and the triggerer import it."""

from __future__ import annotations

from datetime import date

from include.storage.lake import Lake
from include.use_case import UseCase


def has_features(use_case: UseCase, day: date) -> bool:
    """Whether the lake holds features of that day. BadRequest for a day before the first: none will ever come."""
    use_case.require(day)
    return day in Lake.of(use_case).as_of(day).partitions("features", since=day)
