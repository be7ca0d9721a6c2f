from __future__ import annotations

import copy
import json
import operator
import pickle
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, strategies

from include.declaration.period import EARLIEST, LATEST, MixedUnitsError, Period, PeriodError, period_range
from include.errors import InvalidRequestError

DAY = Period("2020-02-28")


def test_a_period_is_named_by_its_key_everywhere():
    assert (DAY.key, str(DAY), f"{DAY}", repr(DAY)) == (*["2020-02-28"] * 3, "Period('2020-02-28')")
    assert Period.from_date(DAY.start_date) == DAY
    assert DAY.start_date == date(2020, 2, 28)


@pytest.mark.parametrize(
    "text",
    ["", "2020-02-30", "20200228", "2020-W9-5", "2020-2-8", "2020-02-28 ", "2020-02-28T00:00", "٢٠٢٠-٠٢-٢٨", None, 7],
)
def test_a_text_that_is_not_a_day_in_its_one_spelling_names_no_period(text):
    with pytest.raises(PeriodError) as refused:
        Period(text)
    assert isinstance(refused.value, InvalidRequestError) and isinstance(refused.value, ValueError)


def test_an_instant_is_not_taken_for_a_date():
    with pytest.raises(PeriodError):
        Period.from_date(datetime(2020, 2, 28, tzinfo=UTC))


def test_periods_are_counted_over_a_leap_day():
    assert Period("2020-03-01") == DAY + 2
    assert Period("2020-03-01") - 2 == DAY
    assert Period("2020-03-01") - DAY == 2
    assert DAY + -1 == DAY - 1 == Period("2020-02-27")


def test_periods_beyond_the_calendar_do_not_exist():
    with pytest.raises(OverflowError):
        LATEST + 1
    with pytest.raises(OverflowError):
        EARLIEST - 1


def test_periods_are_ordered_as_their_keys_are():
    periods = [Period("2020-03-01"), EARLIEST, LATEST, DAY]
    assert [period.key for period in sorted(periods)] == sorted(period.key for period in periods)
    assert EARLIEST < DAY <= DAY < LATEST and LATEST > DAY >= DAY
    assert max(periods) == LATEST


DATE, DATES = date(2020, 2, 28), pd.Series([date(2020, 2, 28)])
TABLE = ibis.memtable(pa.table({"period": pa.array([DATE])}))
OTHERS = {
    "a date": DATE,
    "an instant": datetime(2020, 2, 28, tzinfo=UTC),
    "a date of NumPy": np.datetime64(DATE),
    "an array of NumPy": np.array([DATE], dtype="datetime64[D]"),
    "a column of dates of pandas": DATES,
    "a column of instants of pandas": pd.to_datetime(DATES),
    "a column of pandas in Arrow's type": DATES.astype(pd.ArrowDtype(pa.date32())),
    "a frame": pd.to_datetime(DATES).to_frame(),
    "a column of Ibis": TABLE.period,
    "a deferred column of Ibis": ibis._.period,
    "a text": "2020-02-28",
    "a number": 7,
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
def test_a_period_is_never_silently_unequal_to_what_is_no_period(other, compare):
    for pair in ((DAY, other), (other, DAY)):
        with pytest.raises(TypeError):
            TABLE.filter(compare(*pair)).to_pyarrow()  # a deferred comparison is made by the filter


def test_a_list_set_or_dictionary_that_mixes_periods_and_dates_is_noticed():
    for is_in in (lambda: DATE in [DAY + 1, DAY], lambda: DATE in {DAY: 1}, lambda: DAY in {DATE, 7}):
        with pytest.raises(TypeError):
            is_in()


def test_no_period_is_none():
    assert DAY != None and None not in (DAY, DAY + 1)  # noqa: E711


@pytest.mark.parametrize("number", [1.5, "1", None])
def test_only_whole_numbers_are_added(number):
    with pytest.raises(TypeError):
        DAY + number
    with pytest.raises(TypeError):
        DAY - number


def test_a_period_cannot_be_changed():
    with pytest.raises(AttributeError):
        DAY.key = "2020-02-29"
    with pytest.raises(AttributeError):
        DAY.other = 1


def test_a_copy_is_equal_with_an_equal_hash():
    for other in (pickle.loads(pickle.dumps(DAY)), copy.deepcopy(DAY), copy.copy(DAY)):
        assert other == DAY and hash(other) == hash(DAY)


def test_a_dataclass_as_json_holds_the_key():
    @dataclass
    class Holder:
        period: Period

    assert json.dumps(asdict(Holder(DAY)), default=str) == '{"period": "2020-02-28"}'


def test_a_range_includes_both_ends():
    periods = [DAY, Period("2020-02-29"), Period("2020-03-01")]
    assert period_range(DAY, periods[-1]) == periods
    assert period_range(DAY, DAY) == [DAY]
    assert period_range(periods[-1], DAY) == []


HOUR, WEEK = Period("2020-02-28T23Z"), Period("2020-W09-5")


def test_the_form_of_the_key_says_what_a_period_is():
    assert (DAY.start, HOUR.start, WEEK.start) == (
        date(2020, 2, 28),
        datetime(2020, 2, 28, 23, tzinfo=UTC),
        date(2020, 2, 28),
    )
    assert (HOUR + 1).key == "2020-02-29T00Z" and HOUR + 25 - HOUR == 25
    assert (WEEK + 1).start == date(2020, 3, 6) and (WEEK + 60) - WEEK == 60
    assert [period.start_date for period in (DAY, HOUR, WEEK)] == [date(2020, 2, 28)] * 3
    for period in (DAY, HOUR, WEEK):
        assert period.sibling(period.start) == period == Period(period.key)


@pytest.mark.parametrize(
    "key", ["2020-02-28T24Z", "2020-02-28T5Z", "2020-02-28T05", "2020-W54-1", "2020-W09", "2020-W09-8", "2020-W9-1"]
)
def test_an_hour_or_a_week_has_one_spelling(key):
    with pytest.raises(PeriodError):
        Period(key)


@given(strategies.integers(1_000, 8_000_000), strategies.integers(0, 100_000))
def test_keys_of_one_calendar_sort_as_texts_and_count_as_their_starts(number, more):
    origins = (Period("0002-01-01"), Period("0002-01-01T00Z"), Period("0002-W01-3"))
    for origin, most in zip(origins, (3_000_000, 8_000_000, 400_000), strict=True):
        one = origin + number % most
        other = one + more
        assert (one.key < other.key) == (one < other) == (more > 0)
        assert other - one == more and other.ordinal - one.ordinal == more
        assert other - more == one and Period(other.key).start == other.start


def test_periods_of_different_calendars_are_not_mixed():
    for one, other in ((DAY, HOUR), (HOUR, WEEK), (WEEK, DAY)):
        assert one != other
        for mix in (operator.lt, operator.ge, operator.sub):
            with pytest.raises(MixedUnitsError):
                mix(one, other)
        assert EARLIEST < one < LATEST
    with pytest.raises(MixedUnitsError):
        WEEK - Period("2020-W09-1")  # a week that begins on another day


@pytest.mark.parametrize("start", [date(2020, 2, 28), datetime(2020, 2, 28, 5, 30, tzinfo=UTC)])
def test_a_value_that_starts_no_hour_is_refused(start):
    with pytest.raises(PeriodError):
        HOUR.sibling(start)
