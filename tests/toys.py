"""The use cases for the property tests: events with a date in their keys, and customers without one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import ibis
import pyarrow as pa
import pytest

from include.declaration.period import HOUR, Period, period_range
from include.lake import schemas
from include.lake.lake import Lake
from include.use_case import ChampionGate, Gate, Regression, RobustnessGate, UseCase
from tests import conftest, counts_use_case, customers_use_case, grades_use_case, toy, toy_use_case
from tests.counts_use_case import source as counts_source
from tests.customers_use_case import source as customers_source
from tests.grades_use_case import source as grades_source
from tests.toy_use_case import source as toy_source


@dataclass(frozen=True)
class Breakable:
    """A column of a feed, with values that break an expectation, and values that break none."""

    feed: str
    column: str
    bad: tuple[Any, ...]
    good: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Toy:
    """A use case for tests, with what a test must know to run it."""

    use_case: UseCase
    source: ModuleType
    fill: Callable[[Lake, Period, Period], None]
    """Write features and labels of days into a lake, as the data runs of these days would leave them."""
    periods: list[Period]
    """Five days in a row, early in its life."""
    first: Period
    last: Period
    as_of: Period
    """The days of the filled lake, and the as-of day of the champion."""
    last_labelled: Period
    """The last day up to `last` on which labels become known."""
    main_feed: str
    """The feed with one row for each row of features."""
    breakable: Breakable
    breakable_label: Breakable
    life: UseCase
    """The same use case, which can be trained after 22 days."""
    weeks: int
    """As many weeks as can be run twice in less than a minute."""

    @property
    def name(self) -> str:
        return self.use_case.name


def short(toy: Toy) -> UseCase:
    """The use case with a short look-back, so that features of one day do not land all days."""
    return replace(toy.use_case, look_back_periods=toy.use_case.label.label_delay_periods)


def derived(use_case: UseCase, function: str, period: Period) -> pa.Table:
    """What the use case's function makes of what its source delivers, without a lake."""
    return _derived(use_case, function, period, functools.partial(_delivered, use_case))


def fill_by_periods(use_case: UseCase, source: ModuleType, lake: Lake, first: Period, last: Period) -> None:
    """Labels, then features, of each period, of a toy whose features are its rows and the label of some time before.

    Without DuckDB, this takes milliseconds a period.
    """
    label, lag = use_case.label.name, use_case.look_back_periods
    for period in period_range(first, last):
        table = schemas.content_schema(use_case, "features")
        rows, before = source.everything(period), source.everything(period - lag)
        known = before[label].cast("float64") if before.num_rows else pa.nulls(rows.num_rows, "float64")
        part = period.start.hour if period.unit is HOUR else period.start.month
        (lagged,) = [name for name in use_case.features if name.endswith("_ago")]
        (of_time,) = [name for name in use_case.features if name in ("hour", "month")]
        rows = rows.append_column(lagged, known).append_column(of_time, pa.array([part] * rows.num_rows, "int32"))
        of_labels = schemas.content_schema(use_case, "labels")
        labels = source.everything(period - 1).select(of_labels.names).cast(of_labels)
        lake.replace("labels", period, labels, inputs={}, stage="labels")
        lake.replace("features", period, rows.select(table.names).cast(table), inputs={}, stage="build")


def _derived(
    use_case: UseCase, function: str, period: Period, delivered: Callable[[str, Period], pa.Table]
) -> pa.Table:
    periods = period_range(max(use_case.first_period, period - use_case.look_back_periods), period)
    feeds = {
        feed.name: ibis.memtable(pa.concat_tables([delivered(feed.name, each) for each in periods]))
        for feed in use_case.feeds
    }
    table = {"build": "features", "labels": "labels"}[function]
    schema = schemas.content_schema(use_case, table)
    rows = use_case.function("features", function)(period, **feeds).select(*schema.names).to_pyarrow()
    return rows.cast(schema)  # as the step does


def fill_by_functions(use_case: UseCase, lake: Lake, first: Period, last: Period) -> None:
    """Labels, then features, of each day, from the source through the functions of features.py."""
    delivered = functools.cache(functools.partial(_delivered, use_case))
    for period in period_range(first, last):
        for table, function in (("labels", "labels"), ("features", "build")):
            rows = _derived(use_case, function, period, delivered)
            lake.replace(table, period, rows, inputs={}, stage=function)


def fill_directly(
    use_case: UseCase, features: Callable[[Period], pa.Table], lake: Lake, first: Period, last: Period
) -> None:
    """The same from a function that makes a day's rows of features at once, and a second feed that holds the labels.

    It takes a tenth of the time; `tests/tasks/test_data.py` compares a day.
    """
    labels = use_case.function("source", use_case.feeds[1].name)
    for period in period_range(first, last):
        for table, rows in (("labels", labels(period)), ("features", features(period))):
            schema = schemas.content_schema(use_case, table)
            lake.replace(table, period, rows.select(schema.names).cast(schema), inputs={}, stage="build")


def counts_features(period: Period) -> pa.Table:
    rows, before = counts_source.everything(period), counts_source.everything(period - 7)
    ago = before["visits"] if before.num_rows else pa.nulls(rows.num_rows, pa.float64())
    weekday = pa.array([period.start_date.weekday()] * rows.num_rows, pa.int32())
    return rows.append_column("visits_7d_ago", ago).append_column("weekday", weekday)


def _delivered(use_case: UseCase, feed: str, period: Period) -> pa.Table:
    rows = use_case.function("source", feed)(period)
    field = schemas.period_field(period.unit)
    return rows.append_column(field, pa.array([period.start] * rows.num_rows, field.type))


def _trained_early(use_case: UseCase, gate: Gate) -> UseCase:
    training = replace(use_case.training, min_train_periods=7, validation_periods=4, test_periods=4)
    return replace(use_case, training=training, gates=(gate,))


EVENTS = Toy(
    use_case=toy_use_case.USE_CASE,
    source=toy_source,
    fill=toy.fill,
    periods=period_range(Period("2020-01-06"), Period("2020-01-10")),
    first=conftest.FIRST,
    last=conftest.LAST,
    as_of=conftest.AS_OF,
    last_labelled=conftest.LAST,
    main_feed="events",
    breakable=Breakable("events", "hour", bad=(24, -3), good=(1, 9, 17)),
    breakable_label=Breakable("outcomes", "failed", bad=(7, 8), good=(1,)),
    life=_trained_early(toy_use_case.USE_CASE, Gate("auc", at_least=0.5)),
    weeks=4,
)
CUSTOMERS = Toy(
    use_case=customers_use_case.USE_CASE,
    source=customers_source,
    fill=functools.partial(fill_by_functions, customers_use_case.USE_CASE),
    periods=period_range(
        Period("2025-03-08"), Period("2025-03-12")
    ),  # a Sunday, a day without visits, one without outcomes
    first=Period("2025-03-17"),
    last=Period("2025-04-30"),
    as_of=Period("2025-04-25"),
    last_labelled=Period("2025-04-29"),
    main_feed="customers",
    breakable=Breakable("visits", "items", bad=(51, -3), good=(1, 9, 17)),
    breakable_label=Breakable("outcomes", "lost", bad=(7, 8), good=(1,)),
    life=_trained_early(customers_use_case.USE_CASE, Gate("auc", at_least=0.5)),
    weeks=2,
)
COUNTS = Toy(
    use_case=counts_use_case.USE_CASE,
    source=counts_source,
    fill=functools.partial(fill_directly, counts_use_case.USE_CASE, counts_features),
    periods=period_range(Period("2020-01-10"), Period("2020-01-14")),
    first=Period("2020-01-08"),
    last=Period("2020-02-28"),
    as_of=Period("2020-02-20"),
    last_labelled=Period("2020-02-28"),
    main_feed="shops",
    breakable=Breakable("shops", "town", bad=("nowhere", "lost"), good=("north", "south")),
    breakable_label=Breakable("visits", "visits", bad=(-1, -2), good=(1,)),
    life=_trained_early(counts_use_case.USE_CASE, Gate("coverage", at_least=0.5)),
    weeks=2,
)
GRADES = Toy(
    use_case=grades_use_case.USE_CASE,
    source=grades_source,
    fill=functools.partial(fill_directly, grades_use_case.USE_CASE, grades_source.everything),
    periods=period_range(Period("2020-01-10"), Period("2020-01-14")),
    first=Period("2020-01-08"),
    last=Period("2020-02-28"),
    as_of=Period("2020-02-20"),
    last_labelled=Period("2020-02-28"),
    main_feed="parts",
    breakable=Breakable("parts", "machine", bad=("hammer", "nail"), good=("mill", "press")),
    breakable_label=Breakable("inspections", "grade", bad=("unknown", "lost"), good=("best",)),
    life=_trained_early(grades_use_case.USE_CASE, Gate("macro_f1", at_least=0.1)),
    weeks=2,
)
_QUANTILE = replace(
    counts_use_case.USE_CASE,
    name="quantile_counts",
    task=Regression(
        objective="quantile", quantile=0.7, intervals=(0.2, 0.9), interval_method="quantile", unit="visits"
    ),
    gates=(
        Gate("pinball_loss", better_than="quantile"),
        ChampionGate(margin=0.5, min_periods=5),
        RobustnessGate(at_most=30.0),
    ),
)
QUANTILE = replace(
    COUNTS, use_case=_QUANTILE, life=_trained_early(_QUANTILE, Gate("pinball_loss", better_than="quantile"))
)
"""The same counts: a quantile of them is predicted, and each end of the interval by a model of its own."""
TASKS = (EVENTS, COUNTS, QUANTILE, GRADES)
each_task = pytest.mark.parametrize("toy", TASKS, ids=[each.name for each in TASKS])
TOYS = (EVENTS, CUSTOMERS, COUNTS, QUANTILE, GRADES)
"""Every task, and of binary ones keys with a date and without."""
every_toy = pytest.mark.parametrize("toy", TOYS, ids=[each.name for each in TOYS])
every_toy_slow = pytest.mark.parametrize(
    "toy",
    [EVENTS, *(pytest.param(each, marks=pytest.mark.slow) for each in TOYS[1:])],
    ids=[each.name for each in TOYS],
)
"""All but the first are slow."""
