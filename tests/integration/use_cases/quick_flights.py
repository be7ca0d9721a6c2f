"""Flights whose days have fewer rows than a shard: the tasks of shards find nothing to do."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import Scoring
from tests.end_to_end.use_cases import quick_flights

USE_CASE = replace(quick_flights.USE_CASE, scoring=Scoring(shard_rows=100_000))
