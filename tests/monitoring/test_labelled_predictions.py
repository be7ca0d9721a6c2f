"""The sample of rows on which performance is measured: repeatable for a day, different between days."""

from dataclasses import replace

import ibis
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.monitoring import freshness, labelled_predictions
from include.project import Project
from tests.toy_use_case import USE_CASE, source

DAYS = [Period("2020-01-01") + n for n in range(4)]
CUSTOMERS = 4_000


def sampled(keys: tuple[str, ...]) -> dict[Period, set[int]]:
    """The customers that are taken of each day, one in four; every customer has a row on each day."""
    rows = pa.table(
        {
            "period": pa.array([period.start_date for period in DAYS for _ in range(CUSTOMERS)], pa.date32()),
            "customer": [*range(CUSTOMERS)] * len(DAYS),
            "invited_by": [*range(CUSTOMERS)] * len(DAYS),
        }
    )
    use_case = replace(USE_CASE)
    object.__setattr__(use_case, "keys", keys)
    found = (
        labelled_predictions.sample_rows(use_case, ibis.memtable(rows), dict.fromkeys(DAYS, 4)).to_pyarrow().to_pylist()
    )
    return {period: {row["customer"] for row in found if row["period"] == period.start_date} for period in DAYS}


@pytest.mark.parametrize("keys", [("customer",), ("period", "customer"), ("customer", "invited_by")])
def test_a_quarter_of_each_day_is_taken_and_of_other_days_other_rows(keys):
    taken = sampled(keys)
    assert all(0.22 < len(rows) / CUSTOMERS < 0.28 for rows in taken.values())
    first, second = taken[DAYS[0]], taken[DAYS[1]]
    assert len(first & second) / len(first) == pytest.approx(0.25, abs=0.05)
    assert sampled(keys) == taken


def test_labels_are_complete_on_the_day_on_which_they_mature_and_not_a_day_later(lake_home):
    lake, periods = Lake.open(USE_CASE), [Period("2020-01-01") + n for n in range(4)]
    assert USE_CASE.label.label_delay_periods == 2
    for period in periods[:3]:
        rows = source.everything(period, rows=3).select(["event_date", "id", *USE_CASE.features])
        lake.replace("labels", period, source.outcomes(period), inputs={}, stage="test")
        lake.replace("features", period, rows, inputs={}, stage="test")
    assert labelled_predictions.matured_periods(Project(USE_CASE), periods[0]).period == periods[2]
    for view in (lake.as_of(periods[2]), lake.as_of(periods[3])):
        assert labelled_predictions.incomplete_reason(USE_CASE, view, periods[0]) == ""
        assert labelled_predictions.incomplete_reason(USE_CASE, view, periods[1]).endswith("has not run for 2020-01-04")
        assert labelled_predictions.is_complete(USE_CASE, view, periods[0], periods[2]) == [periods[0]]
        assert labelled_predictions.newest_complete(USE_CASE, view) == periods[0]
    assert labelled_predictions.newest_due(USE_CASE, lake.as_of(periods[2])) == periods[0]


@pytest.mark.parametrize("shut", [{5, 6}, {4, 5, 6}, {6}])
def test_labels_are_not_late_for_days_on_which_a_shop_is_shut(lake_home, shut):
    lake, periods = Lake.open(USE_CASE), [Period("2020-01-01") + n for n in range(21)]
    for period in periods:
        rows = source.everything(period, rows=3).select(["event_date", "id", *USE_CASE.features])
        measured_period = source.outcomes(period)
        open_days = pa.array(
            [each.weekday() not in shut for each in measured_period["event_date"].to_pylist()], pa.bool_()
        )
        lake.replace("labels", period, measured_period.filter(open_days), inputs={}, stage="test")
        lake.replace(
            "features",
            period,
            rows.slice(0, 0) if period.start_date.weekday() in shut else rows,
            inputs={},
            stage="test",
        )
    for period in periods[7:]:
        view = lake.as_of(period)
        complete, due = (
            labelled_predictions.newest_complete(USE_CASE, view),
            labelled_predictions.newest_due(USE_CASE, view),
        )
        late = freshness.lateness(period, complete, due, USE_CASE.monitoring.stale_periods)
        assert (late.value, late.breached) == (0, False), period


def test_labels_that_stop_coming_are_late_although_the_shop_is_shut_on_sundays(lake_home):
    lake, periods = Lake.open(USE_CASE), [Period("2020-01-01") + n for n in range(21)]
    for period in periods:
        rows = source.everything(period, rows=3).select(["event_date", "id", *USE_CASE.features])
        lake.replace(
            "labels",
            period,
            source.outcomes(period).slice(0, 99 if period < periods[10] else 0),
            inputs={},
            stage="test",
        )
        lake.replace(
            "features", period, rows.slice(0, 0) if period.start_date.weekday() == 6 else rows, inputs={}, stage="test"
        )
    view = lake.as_of(periods[-1])
    complete, due = (
        labelled_predictions.newest_complete(USE_CASE, view),
        labelled_predictions.newest_due(USE_CASE, view),
    )
    late = freshness.lateness(periods[-1], complete, due, USE_CASE.monitoring.stale_periods)
    assert late.value > 5 and late.breached
