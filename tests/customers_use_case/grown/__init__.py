"""The customers as they are declared later: a feature and a column of a feed more, and numbers with fractions.

Items, whole numbers before, are weighed: int32 has become float64 in the feed and in the feature made of it.
"""

from __future__ import annotations

from dataclasses import replace

from include.use_case import Period, UseCase
from tests.customers_use_case import USE_CASE as BEFORE

CHANGED_ON = Period("2025-04-28")
"""From this day on, the source delivers discounts and fractions."""


def _widened() -> UseCase:
    visits, customers, outcomes = BEFORE.feeds
    columns = {**visits.columns, "items": "float64", "discount": "float64"}
    return replace(
        BEFORE,
        feeds=(replace(visits, columns=columns), customers, outcomes),
        features={**BEFORE.features, "items_14d": "float64", "discounts": "float64"},
        package="tests.customers_use_case.grown",
    )


USE_CASE = _widened()
