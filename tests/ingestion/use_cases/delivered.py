"""The toy use case with events delivered as CSV with a ready mark, and outcomes as Parquet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from include.use_case import LandingBucket
from tests.toy_use_case import USE_CASE as TOY

# A test waits for the files of the day that it is; files of any hour of it are in time.
_WAITING = {"wait": timedelta(hours=30), "every": timedelta(seconds=1)}
_EVENTS, _OUTCOMES = TOY.feeds
USE_CASE = replace(
    TOY,
    name="delivered",
    look_back_periods=0,
    feeds=(
        replace(_EVENTS, source=LandingBucket("deliveries", "events/{period}/", ready="_SUCCESS", **_WAITING)),
        replace(_OUTCOMES, source=LandingBucket("deliveries", "outcomes/{period}/", format="parquet", **_WAITING)),
    ),
)
