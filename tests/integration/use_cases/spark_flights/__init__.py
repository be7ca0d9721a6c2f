"""The quick flights with features on Spark."""

from __future__ import annotations

from dataclasses import replace

from tests.end_to_end.use_cases import quick_flights

USE_CASE = replace(quick_flights.USE_CASE, name="spark_flights", engine="spark", package=__name__)
