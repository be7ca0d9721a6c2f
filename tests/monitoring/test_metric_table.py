"""The table of metrics, read one value at a time."""

import numpy as np
import pyarrow as pa
import pytest

from include.declaration.calendars import Daily
from include.declaration.period import Period
from include.lake import schemas
from include.monitoring.metric_table import MetricTable, measured_stretches, measuring_gaps

D = Period("2020-05-01")
SCHEMA = schemas.METRICS.append(pa.field("period", pa.date32()))


def measures(*rows: dict) -> MetricTable:
    empty = dict.fromkeys(SCHEMA.names)
    return MetricTable(pa.Table.from_pylist([empty | row for row in rows], schema=SCHEMA), Daily())


def row(metric: str, subject: str, value: float | None, period: Period = D, **more: object) -> dict:
    return {
        "metric": metric,
        "subject": subject,
        "value": value,
        "period": period.start_date,
        "measured_period": period.start_date,
        **more,
    }


def test_a_figure_is_found_by_metric_and_subject_in_order_of_days():
    found = measures(row("psi", "size", 0.1), row("psi", "kind", 0.2), row("psi", "size", 0.3, D + 1))
    assert [each.value for each in found.rows_of("psi", "size")] == [0.1, 0.3]
    assert found.rows_of("psi", "missing") == [] and found.rows_of("nothing") == []


def test_what_the_table_leaves_out_has_a_plain_meaning():
    (found,) = measures(row("psi", "size", None, measured_period=None, periods=None, missing_reason=None)).rows_of(
        "psi"
    )
    assert (found.measured_period, found.periods, found.missing_reason, found.breached) == (D, 1, "", None)


def test_only_what_was_judged_and_broke_is_a_breach_newest_first():
    found = measures(
        row("psi", "a", 0.1, breached=True),
        row("psi", "b", 0.1, breached=None),
        row("psi", "c", 0.1, breached=False),
        row("psi", "d", 0.1, D + 1, breached=True),
    )
    assert [each.subject for each in found.breached()] == ["d", "a"]


def test_a_grid_has_a_hole_where_a_day_or_a_feature_is_missing():
    periods = [D + n for n in range(3)]
    found = measures(row("psi", "new", 0.3, periods[2]), row("psi", "old", 0.1, periods[0])).grid("psi", periods)
    assert found.subjects == ("new", "old")
    np.testing.assert_array_equal(found.values, [[np.nan, np.nan, 0.3], [0.1, np.nan, np.nan]])


def test_days_outside_of_a_grid_are_left_out():
    found = measures(row("psi", "a", 0.3, D), row("psi", "a", 0.4, D + 9))
    periods = [D - 1, D]
    np.testing.assert_array_equal(found.grid("psi", periods).values, [[np.nan, 0.3]])


def test_no_rows_are_no_measures():
    found = measures()
    assert found.periods == () and found.breached() == [] and found.rows_on(D) == []
    assert found.grid("psi", [D]).values.shape == (0, 1)


@pytest.mark.parametrize(
    ("periods", "whole", "missing"),
    [
        ([], [], []),
        ([1], [(1, 1)], []),
        ([1, 2, 3], [(1, 3)], []),
        ([1, 2, 4, 8], [(1, 2), (4, 4), (8, 8)], [(3, 3), (5, 7)]),
    ],
)
def test_days_fall_into_stretches_with_gaps_between_them(periods, whole, missing):
    def of_may(pairs):
        return [tuple(Period(f"2020-05-{period:02}") for period in pair) for pair in pairs]

    found = [Period(f"2020-05-{period:02}") for period in periods]
    assert measured_stretches(found) == of_may(whole)
    assert measuring_gaps(found) == of_may(missing)
