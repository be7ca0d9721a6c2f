"""Row-level expectations that Great Expectations lacks, for pandas.

They are for its pandas engine. Each consists of a metric (which rows pass) and the expectation that names it. An
expectation takes about 10 ms a day regardless of its columns, and each value of a set argument takes more, so several
columns share one expectation.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.metrics import ColumnMapMetricProvider
from great_expectations.expectations.metrics.map_metric_provider import (
    ColumnPairMapMetricProvider,
    MulticolumnMapMetricProvider,
    column_condition_partial,
    column_pair_condition_partial,
    multicolumn_condition_partial,
)

MISSING_AIRPORTS = ("BQN", "PSE", "SJU", "STT")
"""Airports in Puerto Rico and the Virgin Islands: 7,602 flights go there, and the package's list lacks them."""


CARRIERS = frozenset(
    ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
)  # fmt: skip
"""The carriers in the package's list `airlines.csv`."""


@cache
def airports() -> frozenset[str]:
    """Return the codes in the package's list `airports.csv`.

    They are copied here: an expectation must not read the files of the source, which include the future.
    """
    return frozenset(Path(__file__).with_name("airport_codes.txt").read_text(encoding="ascii").split())


# An expectation that ignores rows needs this domain key; the base class lacks it, and types the tuple by its length.
_PAIR_KEYS: Any = (*ColumnPairMapExpectation.domain_keys, "ignore_row_if")


class _ClockTimes(ColumnMapMetricProvider):
    condition_metric_name = "column_values.clock_time"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:
        return (column >= 0) & (column // 100 < 24) & (column % 100 < 60)


class ExpectColumnValuesToBeClockTimes(ColumnMapExpectation):
    """Numbers written as HHMM, from 0 to 2359."""

    map_metric = "column_values.clock_time"


class _KnownAirports(ColumnMapMetricProvider):
    condition_metric_name = "column_values.known_airport"

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, **_: Any) -> pd.Series:
        return column.isin(airports().union(MISSING_AIRPORTS))


class ExpectColumnValuesToBeKnownAirports(ColumnMapExpectation):
    """Codes in the package's list of 1,458 airports or in MISSING_AIRPORTS.

    Not a set of values: every page and every configuration would repeat it.
    """

    map_metric = "column_values.known_airport"


class _Difference(ColumnPairMapMetricProvider):
    condition_metric_name = "column_pair_values.difference_between"
    condition_value_keys = ("least", "most")

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **kwargs: Any) -> pd.Series:  # noqa: N803
        return (column_A - column_B).between(kwargs["least"], kwargs["most"])


class ExpectColumnPairDifferenceToBeBetween(ColumnPairMapExpectation):
    """If neither is missing, column_A - column_B is within `least` and `most`."""

    least: float
    most: float
    ignore_row_if: str = "either_value_is_missing"
    map_metric = "column_pair_values.difference_between"
    domain_keys = _PAIR_KEYS
    success_keys = ("least", "most", "mostly")


class _Different(ColumnPairMapMetricProvider):
    condition_metric_name = "column_pair_values.different"

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_A: pd.Series, column_B: pd.Series, **_: Any) -> pd.Series:  # noqa: N803
        return column_A != column_B


class ExpectColumnPairValuesToBeDifferent(ColumnPairMapExpectation):
    """If neither is missing, column_A differs from column_B."""

    ignore_row_if: str = "either_value_is_missing"
    map_metric = "column_pair_values.different"
    domain_keys = _PAIR_KEYS


class _Complete(MulticolumnMapMetricProvider):
    condition_metric_name = "multicolumn_values.complete"
    condition_value_keys = ("given", "missing", "status")

    @multicolumn_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column_list: pd.DataFrame, **kwargs: Any) -> pd.Series:
        holds = column_list[kwargs["given"]].notna().all(axis=1) & column_list[kwargs["missing"]].isna().all(axis=1)
        return holds if kwargs["status"] is None else holds | (column_list["status"] != kwargs["status"])


class ExpectColumnsToBeComplete(MulticolumnMapExpectation):
    """All of `given` have a value and all of `missing` are null.

    This holds in rows of that `status`, or in every row.
    """

    given: list[str]
    missing: list[str]
    status: str | None = None
    ignore_row_if: Literal["all_values_are_missing", "any_value_is_missing", "never"] = "never"
    map_metric = "multicolumn_values.complete"
    success_keys = ("given", "missing", "status", "mostly")
