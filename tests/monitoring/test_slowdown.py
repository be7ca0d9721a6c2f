"""Detection of steps that cost more than usual."""

import pytest

from include.monitoring import slowdown
from include.monitoring.slowdown import CostFigure

BEFORE = [(1.0, 100), (2.0, 100), (30.0, 1000)]
"""A hundredth, a fiftieth and three hundredths of a second per row; usual is a fiftieth."""


def judged(value, amount, earlier, **more) -> CostFigure:
    return slowdown.judge_cost(CostFigure("step_seconds", value), amount, earlier, max_slowdown=3, **more)


@pytest.mark.parametrize(("seconds", "breached"), [(11.9, False), (12.1, True)])
def test_the_usual_cost_is_the_median_per_row_and_a_multiple_of_it_is_a_breach(seconds, breached):
    found = judged(seconds, 200, BEFORE)
    assert (found.usual, found.limit, found.breached) == (pytest.approx(4), pytest.approx(12), breached)


def test_a_small_period_may_cost_what_others_do_since_much_of_a_cost_is_fixed():
    found = judged(5.9, 10, BEFORE)
    assert (found.usual, found.breached) == (2.0, False)  # the median itself, not 0.2 for ten rows
    assert judged(6.1, 10, BEFORE).breached


@pytest.mark.parametrize(("rows", "earlier"), [(200, BEFORE[:2]), (0, BEFORE), (200, [*BEFORE[:2], (1.0, 0)])])
def test_without_enough_periods_or_rows_nothing_is_judged(rows, earlier):
    assert judged(5.0, rows, earlier) == CostFigure("step_seconds", 5.0)


def test_the_costs_of_work_without_a_size_are_compared_themselves():
    earlier = [(1.0, None), (2.0, None), (9.0, None)]
    assert judged(5.9, None, earlier).breached is False
    assert judged(6.1, None, earlier).breached is True


def test_a_difference_that_is_negligible_is_no_breach():
    assert judged(0.9, 100, [(0.1, 100)] * 3).breached
    assert not judged(0.9, 100, [(0.1, 100)] * 3, negligible=1.0).breached
    assert judged(1.2, 100, [(0.1, 100)] * 3, negligible=1.0).breached


def test_a_part_of_the_cost_that_is_not_the_steps_is_not_compared():
    found = judged(150.0, 100, [(10.0, 100)] * 3, base=100.0)
    assert (found.usual, found.limit, found.breached) == (110.0, 130.0, True)
