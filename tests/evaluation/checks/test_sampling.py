"""The leakage gate samples training days and others, all weekdays, and other days in each training."""

from __future__ import annotations

import pytest

from include.declaration.period import Period, period_range
from include.evaluation.checks.sampling import SplitPeriods, sample_periods

AS_OF = Period("2013-04-01")
TRAIN = period_range(Period("2013-01-01"), Period("2013-02-12"))
VALIDATION = period_range(Period("2013-02-15"), Period("2013-02-28"))
TEST = period_range(Period("2013-03-03"), Period("2013-03-30"))
DAYS = SplitPeriods(TRAIN, VALIDATION, TEST)


def weekdays(periods) -> set[int]:
    return {period.start_date.weekday() for period in periods}


@pytest.mark.parametrize("weeks", range(8))
def test_every_weekday_is_tried_on_training_days_and_on_others_whatever_the_day_of_training(weeks):
    for offset in range(7):
        chosen = sample_periods(DAYS, 14, 20130101, AS_OF + (7 * weeks + offset))
        train = set(chosen) & set(TRAIN)
        assert len(chosen) == 14 and len(train) == 7
        assert weekdays(train) == weekdays(set(chosen) - train) == set(range(7))
        assert set(chosen) & set(VALIDATION) and set(chosen) & set(TEST)


@pytest.mark.parametrize("count", [6, 7, 8, 10])
def test_fewer_days_are_of_as_many_weekdays_as_they_can_and_half_of_them_training_days(count):
    chosen = sample_periods(DAYS, count, 1, AS_OF)
    assert len(weekdays(chosen)) == min(count, 7)
    assert len(set(chosen) & set(TRAIN)) == (count + 1) // 2


def test_the_weekly_schedule_does_not_try_the_same_places_each_time():
    """With one seed for all trainings these were places 0 and 20 of the test window, always a Sunday and a Saturday."""
    mondays = [Period("2013-04-01") + 7 * n for n in range(10)]
    places = set()
    for monday in mondays:
        moved = monday - AS_OF
        periods = SplitPeriods(*([period + moved for period in each] for each in (TRAIN, VALIDATION, TEST)))
        places.add(tuple(period - moved for period in sample_periods(periods, 14, 20130101, monday)))
    assert len(places) == len(mondays)
    every = {period for each in places for period in each}
    assert len(every) > 0.75 * len([*TRAIN, *VALIDATION, *TEST]), "after ten trainings most days have been tried"


def test_equal_days_seed_and_as_of_day_give_equal_samples():
    chosen = sample_periods(DAYS, 8, 7, AS_OF)
    shuffled = SplitPeriods(*([*reversed(each)] for each in (TRAIN, VALIDATION, TEST)))
    assert chosen == sample_periods(shuffled, 8, 7, AS_OF) == sorted(set(chosen))
    assert chosen != sample_periods(DAYS, 8, 8, AS_OF)


def test_the_last_test_day_is_left_out_since_little_is_known_after_it():
    few = SplitPeriods(TRAIN[:3], VALIDATION[:2], TEST[:3])
    assert sample_periods(few, 14, 1, AS_OF) == [*TRAIN[:3], *VALIDATION[:2], *TEST[:2]]
    assert sample_periods(SplitPeriods([], [], TEST[:1]), 14, 1, AS_OF) == TEST[:1]
    assert sample_periods(SplitPeriods([], [], []), 14, 1, AS_OF) == []


def test_where_a_split_is_short_other_days_replace_it():
    few = SplitPeriods(TRAIN[:2], [], TEST)
    chosen = sample_periods(few, 8, 1, AS_OF)
    assert len(chosen) == 8 and set(TRAIN[:2]) < set(chosen)
