"""Labels where they are read: those that cannot be, and the label of one season earlier as it was known."""

from __future__ import annotations

from dataclasses import replace

import ibis
import numpy as np
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.features.labels import LabelsOutdatedError, encoded_labels, join_season
from include.lake.lake import Lake
from include.model.season import SEASON_AGO
from include.use_case import Label, Monitoring, Regression, UseCase
from tests import counts_use_case, customers_use_case, grades_use_case

COUNTS = replace(counts_use_case.USE_CASE, task=Regression(season=7), gates=())
CUSTOMERS = replace(customers_use_case.USE_CASE, task=Regression(season=7), gates=(), monitoring=Monitoring())
FIRST = Period("2020-01-20")


def known(lake: Lake, period: Period, about: Period, visits: dict[int, float | None]) -> None:
    """Write the labels of a day that became known on `period`."""
    shops = pa.array(visits, pa.int32())
    days = pa.array([about.start_date] * len(visits), pa.date32())
    rows = pa.table({"on": days, "shop": shops, "visits": pa.array(visits.values(), pa.float64())})
    lake.replace("labels", period, rows, inputs={}, stage="labels")


def featured(lake: Lake, use_case: UseCase, period: Period, shops: list[int]) -> None:
    count = len(shops)
    columns = {
        "on": pa.array([period.start_date] * count, pa.date32()),
        "shop": pa.array(shops, pa.int32()),
        "town": pa.array(["north"] * count),
        **{name: pa.array([1.0] * count, pa.float64()) for name in ("temperature", "visits_7d_ago")},
        "weekday": pa.array([1] * count, pa.int32()),
    }
    rows = pa.table({name: columns[name] for name in (*use_case.keys, *use_case.features)})
    lake.replace("features", period, rows, inputs={}, stage="build")


def season_ago(lake: Lake, use_case: UseCase, first: Period, last: Period) -> dict[tuple[str, int], float | None]:
    """Return day and shop to the label one season earlier, read as of the end of the lake."""
    view = lake.as_of(last + 20)
    rows = join_season(use_case, view, view.table("features", first, last), first, last).to_pyarrow().to_pylist()
    return {(str(row["period"]), row["shop"]): row[SEASON_AGO] for row in rows}


@pytest.fixture
def lake(lake_home) -> Lake:
    lake = Lake.open(COUNTS)
    featured(lake, COUNTS, FIRST, [1, 2, 3])
    return lake


def test_it_is_the_label_of_the_same_keys_one_season_earlier(lake):
    known(lake, FIRST - 6, FIRST - 7, {1: 5.0, 2: 6.0})
    known(lake, FIRST - 5, FIRST - 6, {1: 50.0, 2: 60.0, 3: 70.0})  # of another day of the week
    assert season_ago(lake, COUNTS, FIRST, FIRST) == {
        (str(FIRST), 1): 5.0,
        (str(FIRST), 2): 6.0,
        (str(FIRST), 3): None,
    }


def test_a_correction_counts_from_the_decision_time_on_at_which_it_was_known(lake):
    featured(lake, COUNTS, FIRST + 1, [1])
    known(lake, FIRST - 6, FIRST - 7, {1: 5.0, 2: 6.0, 3: 7.0})
    known(lake, FIRST, FIRST - 7, {1: 8.0, 2: None})  # known when the day begins: corrected, withdrawn
    known(lake, FIRST + 1, FIRST - 7, {3: 9.0})  # a day too late
    known(lake, FIRST + 2, FIRST - 6, {1: 4.0})
    found = season_ago(lake, COUNTS, FIRST, FIRST + 1)
    assert [found[str(FIRST), shop] for shop in (1, 2, 3)] == [8.0, None, 7.0]
    assert found[str(FIRST + 1), 1] is None


@pytest.mark.parametrize(("season", "delay", "lag"), [(7, 1, 7), (7, 7, 7), (7, 8, 14), (1, 3, 3), (2, 3, 4)])
def test_the_smallest_multiple_of_the_season_that_is_known_is_read(season, delay, lag):
    declared = replace(
        COUNTS,
        task=Regression(season=season),
        label=Label("visits", meaning="visits", label_delay_periods=delay),
        training=replace(COUNTS.training, gap_periods=delay),
    )
    assert declared.season_lag == lag
    assert declared.labels_since(FIRST) == FIRST - lag


def test_without_a_season_rows_are_returned_as_they_are(lake):
    view, plain = lake.as_of(FIRST), replace(COUNTS, task=Regression())
    rows = view.table("features", FIRST, FIRST)
    assert join_season(plain, view, rows, FIRST, FIRST) is rows
    assert plain.labels_since(FIRST) == FIRST


def test_keys_without_a_date_are_matched_by_the_period_that_a_label_names(lake_home):
    lake, period, (key,) = Lake.open(CUSTOMERS), Period("2025-03-20"), CUSTOMERS.keys
    lag = CUSTOMERS.season_lag
    about = period - lag
    kind = {"int32": pa.int32(), "int64": pa.int64(), "string": pa.string()}[CUSTOMERS.key_types()[key]]
    one = pa.array(["1"], pa.string()).cast(kind)
    labels = pa.table(
        {
            key: one,
            "labelled_period": pa.array([about.start_date], pa.date32()),
            CUSTOMERS.label.name: pa.array([3.0], pa.float64()),
        }
    )
    lake.replace("labels", about + 1, labels, inputs={}, stage="labels")
    rows = pa.table(
        {key: pa.concat_arrays([one, one]), "period": pa.array([period.start_date, about.start_date], pa.date32())}
    )
    found = join_season(CUSTOMERS, lake.as_of(period), ibis.memtable(rows), about, period).to_pyarrow().to_pylist()
    assert {str(row["period"]): row[SEASON_AGO] for row in found} == {str(period): 3.0, str(about): None}


@pytest.mark.parametrize(
    ("use_case", "labels"),
    [
        (replace(COUNTS, task=Regression(objective="poisson")), pa.array([1.0, -1.0])),
        (replace(COUNTS, task=Regression(objective="gamma")), pa.array([1.0, 0.0])),
        (COUNTS, pa.array([1.0, float("nan")])),
        (grades_use_case.USE_CASE, pa.array(["best", "superb"])),
        (customers_use_case.USE_CASE, pa.array([0, 7], pa.int8())),
    ],
    ids=["negative", "zero", "not finite", "an unknown class", "neither 0 nor 1"],
)
def test_a_label_that_the_declared_task_cannot_have_is_refused_where_it_is_read(use_case, labels):
    with pytest.raises(LabelsOutdatedError) as refused:
        encoded_labels(use_case, pa.chunked_array([labels]))
    assert (refused.value.use_case, refused.value.label) == (use_case.name, use_case.label.name)
    assert refused.value.what


def test_labels_are_encoded_and_encoded_ones_stay():
    grades = grades_use_case.USE_CASE
    found = encoded_labels(grades, pa.chunked_array([pa.array(["good", None, "best"])]))
    assert found[[0, 2]].tolist() == [1.0, 0.0] and np.isnan(found[1])
    assert encoded_labels(grades, pa.chunked_array([pa.array([4.0, 0.0])])).tolist() == [4.0, 0.0]
