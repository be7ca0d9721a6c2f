"""Detection of durations longer than usual."""

import pytest

from include.monitoring import slowdown

BEFORE = [(1.0, 100), (2.0, 100), (30.0, 1000)]
"""A hundredth, a fiftieth and three hundredths of a second per row; usual is a fiftieth."""


@pytest.mark.parametrize(("seconds", "breached"), [(11.9, False), (12.1, True)])
def test_the_usual_time_is_the_median_per_row_and_a_multiple_of_it_is_a_breach(seconds, breached):
    found = slowdown.judge_duration(seconds, 200, BEFORE, max_slowdown=3)
    assert (found.usual_seconds, found.limit, found.breached) == (pytest.approx(4), pytest.approx(12), breached)


@pytest.mark.parametrize(("rows", "earlier"), [(200, BEFORE[:2]), (0, BEFORE), (200, [*BEFORE[:2], (1.0, 0)])])
def test_without_enough_days_or_rows_nothing_is_judged(rows, earlier):
    found = slowdown.judge_duration(5.0, rows, earlier, max_slowdown=3)
    assert (found.seconds, found.rows, found.usual_seconds, found.breached) == (5.0, rows, None, None)
