"""Splits by time, with the toy's declaration: 7 test and 7 validation days, gaps of 1, 10 training days or more.

Its labels mature after 2 days.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.declaration.period import Period
from include.errors import NotReadyError
from include.model import splits
from include.model.model_errors import SplitsTooShortError, TrainingTooEarlyError, TrainingWindowError
from tests.refusals import raises
from tests.toy_use_case import USE_CASE

T = Period("2020-03-01")


def periods(first: Period, last: Period) -> list[Period]:
    return [first + n for n in range(last - first + 1)]


def test_test_days_are_the_last_and_gaps_lie_between():
    cut = splits.split_periods(USE_CASE, T, Period("2020-01-01"), periods(Period("2020-01-01"), Period("2020-02-29")))
    assert (cut.test[0], cut.test[-1]) == (Period("2020-02-22"), Period("2020-02-28"))
    assert (cut.validation[0], cut.validation[-1]) == (Period("2020-02-14"), Period("2020-02-20"))
    assert (cut.train[0], cut.train[-1]) == (Period("2020-01-01"), Period("2020-02-12"))


@given(
    st.sets(st.integers(0, 80), min_size=30),
    st.integers(0, 5),
    st.integers(1, 10),
    st.integers(1, 10),
)
def test_no_day_is_in_two_splits_or_nearer_than_the_gap_to_the_next_split(there, gap, validation, test):
    shape = replace(
        USE_CASE.training, gap_periods=gap, validation_periods=validation, test_periods=test, min_train_periods=1
    )
    use_case = replace(USE_CASE, training=shape)
    try:
        cut = splits.split_periods(use_case, T, Period("2019-12-01"), [T - n for n in there])
    except NotReadyError:
        return
    assert cut.train[-1] + gap < cut.validation[0]
    assert cut.validation[-1] + gap < cut.test[0]
    assert cut.test[-1] <= T - 2


@pytest.mark.parametrize("matures_after", [1, 2, 5])
def test_days_whose_labels_have_not_matured_are_in_no_split(matures_after):
    use_case = replace(USE_CASE, label=replace(USE_CASE.label, label_delay_periods=matures_after))
    cut = splits.split_periods(use_case, T, Period("2020-01-01"), periods(Period("2020-01-01"), Period("2020-03-09")))
    assert cut.test[-1] == T - matures_after == splits.training_window(use_case, T)[1]


def test_where_the_newest_days_have_no_rows_the_test_days_are_the_last_labelled_ones():
    cut = splits.split_periods(USE_CASE, T, Period("2020-01-01"), periods(Period("2020-01-01"), Period("2020-02-10")))
    assert cut.test[-1] == Period("2020-02-10")


def test_too_few_days_are_refused_with_what_is_there():
    bounds = {"first": Period("2020-02-10"), "last": Period("2020-02-28")}
    with raises(SplitsTooShortError, labelled=19, train=3, **bounds):
        splits.split_periods(USE_CASE, T, Period("2020-01-01"), periods(Period("2020-02-10"), Period("2020-02-29")))


def test_days_without_any_label_are_refused():
    with raises(SplitsTooShortError, labelled=0, first=Period("2020-01-01"), last=Period("2020-02-28")):
        splits.split_periods(USE_CASE, T, Period("2020-01-01"), [])


def test_a_window_begins_at_the_first_day_at_the_earliest():
    assert splits.training_window(USE_CASE, Period("2020-02-01"), 60) == (Period("2020-01-01"), Period("2020-01-30"))
    assert splits.training_window(USE_CASE, T, 40) == (Period("2020-01-20"), Period("2020-02-28"))


@pytest.mark.parametrize("periods", [0, 25, -3, True, "40", 40.0])
def test_a_window_that_cannot_hold_the_splits_is_refused(periods):
    with raises(TrainingWindowError, periods=periods, least=26, most=36600):
        splits.training_window(USE_CASE, T, periods)


def test_a_training_before_the_first_day_is_refused():
    with raises(TrainingTooEarlyError, first=Period("2020-01-01"), enough=Period("2020-01-28")):
        splits.training_window(USE_CASE, Period("2020-01-02"))


def test_the_day_that_a_refusal_names_is_the_first_that_can_be_trained():
    first, last = splits.training_window(USE_CASE, Period("2020-01-28"))
    assert len(splits.split_periods(USE_CASE, Period("2020-01-28"), first, periods(first, last)).train) == 10
