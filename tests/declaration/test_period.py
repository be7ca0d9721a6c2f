from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

import pytest

from include.declaration.period import EARLIEST, LATEST, Period, PeriodError, period_range, periods_of
from include.errors import InvalidRequestError

DAY = Period("2020-02-28")


def test_a_period_is_named_by_its_key_everywhere():
    assert (DAY.key, str(DAY), f"{DAY}", repr(DAY)) == (*["2020-02-28"] * 3, "Period('2020-02-28')")
    assert Period.from_date(DAY.start_date) == DAY
    assert DAY.start_date == date(2020, 2, 28)


@pytest.mark.parametrize(
    "text",
    ["", "2020-02-30", "20200228", "2020-W09-5", "2020-2-8", "2020-02-28 ", "2020-02-28T00:00", "٢٠٢٠-٠٢-٢٨", None, 7],
)
def test_a_text_that_is_not_a_day_in_its_one_spelling_names_no_period(text):
    with pytest.raises(PeriodError, match="is no day; write it as YYYY-MM-DD") as refused:
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
    days = [Period("2020-03-01"), EARLIEST, LATEST, DAY]
    assert [day.key for day in sorted(days)] == sorted(day.key for day in days)
    assert EARLIEST < DAY <= DAY < LATEST and LATEST > DAY >= DAY
    assert max(days) == LATEST


@pytest.mark.parametrize("other", [date(2020, 2, 28), datetime(2020, 2, 28, tzinfo=UTC)])
def test_a_period_and_a_date_are_never_silently_unequal(other):
    for compare in (
        lambda: other == DAY,
        lambda: other != DAY,
        lambda: other in [DAY + 1, DAY],
        lambda: other in {DAY: 1} if type(other) is date else other == DAY,
        lambda: DAY in {other, 7} if type(other) is date else other == DAY,
        lambda: other < DAY,
        lambda: other >= DAY,
    ):
        with pytest.raises(TypeError):
            compare()


@pytest.mark.parametrize("other", ["2020-02-28", 7, None])
def test_a_period_equals_no_other_value(other):
    assert other != DAY
    with pytest.raises(TypeError):
        other > DAY  # noqa: B015


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
        day: Period

    assert json.dumps(asdict(Holder(DAY)), default=str) == '{"day": "2020-02-28"}'


def test_a_range_includes_both_ends():
    days = [DAY, Period("2020-02-29"), Period("2020-03-01")]
    assert period_range(DAY, days[-1]) == days
    assert period_range(DAY, DAY) == [DAY]
    assert period_range(days[-1], DAY) == []


def test_the_values_of_a_column_become_periods():
    assert periods_of([date(2020, 2, 28), date(2020, 2, 27)]) == [DAY, DAY - 1]
