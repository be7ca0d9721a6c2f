"""The customers use case after its declaration shrank: without the age."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import UseCase
from tests.customers_use_case.grown import USE_CASE as BEFORE


def _without(name: str) -> UseCase:
    visits, customers, outcomes = BEFORE.feeds
    columns = {column: kind for column, kind in customers.columns.items() if column != name}
    return replace(
        BEFORE,
        feeds=(visits, replace(customers, columns=columns), outcomes),
        features={feature: kind for feature, kind in BEFORE.features.items() if feature != name},
        package="tests.customers_use_case.shrunk",
    )


USE_CASE = _without("âge")
