"""Features and labels of the flights, which refuse tables of another engine than Spark."""

from __future__ import annotations

from typing import Any

from ibis.expr.types import Table

from include.use_case import Period
from include.use_cases.flight_delays import features


class LocalEngineError(AssertionError):
    """Another engine than Spark was asked."""


def build(period: Period, **feeds: Table) -> Any:
    return features.build(period, **_on_spark(feeds))


def labels(period: Period, **feeds: Table) -> Any:
    return features.labels(period, **_on_spark(feeds))


def _on_spark(feeds: dict[str, Table]) -> dict[str, Table]:
    if any(table.get_backend().name != "pyspark" for table in feeds.values()):
        raise LocalEngineError
    return feeds
