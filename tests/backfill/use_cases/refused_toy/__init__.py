"""The toy use case with two days on which its source delivers no events."""

from __future__ import annotations

from dataclasses import replace

from include.declaration.period import Period
from tests import toy_use_case

EMPTY = (Period("2020-01-08"), Period("2020-01-15"))
USE_CASE = replace(
    toy_use_case.USE_CASE,
    name="refused_toy",
    package="tests.backfill.use_cases.refused_toy",
    look_back_periods=2,
)
