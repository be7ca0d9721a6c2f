"""The customers use case after its declaration grew: one more feature, one more feed column, and fractions.

Items were whole numbers and are now weights: int32 became float64 in the feed and in the feature made from it.
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
