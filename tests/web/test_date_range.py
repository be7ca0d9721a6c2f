"""The range of periods in a page's address."""

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from fastapi import HTTPException

from include.use_case import Period
from include.web.date_range import MOST_PERIODS, DateRange, RangeQuery
from tests import toy

CASE = toy.USE_CASE


def resolve(**asked) -> DateRange:
    return RangeQuery(**asked).resolve(CASE)


def test_without_parameters_the_newest_90_periods_are_drawn():
    assert resolve() == DateRange(None, 90) and not resolve().chosen and resolve().query == "span=90"


def test_a_free_range_is_kept_in_the_address_that_it_makes():
    found = resolve(first="2020-03-01", last="2020-03-10")
    assert (found.last, found.span, found.is_free) == (Period("2020-03-10"), 10, True)
    asked = {name: values[0] for name, values in parse_qs(found.query).items()}
    assert asked == {"from": "2020-03-01", "to": "2020-03-10"}
    assert resolve(first=asked["from"], last=asked["to"]) == found


def test_a_last_period_and_a_span_are_kept_too():
    found = resolve(period="2020-03-10", span=30)
    assert found.query == "period=2020-03-10&span=30" and found.spanning(365) == "period=2020-03-10&span=365"


def test_a_range_without_an_end_goes_on_to_the_newest_period(set_clock):
    set_clock(datetime(2020, 3, 10, 12, tzinfo=UTC))
    assert resolve(first="2020-03-01").last == CASE.newest_period()


def test_a_range_that_begins_before_the_use_case_begins_with_it():
    found = resolve(first="1999-01-01", last="2020-01-05")
    assert found.last - (found.span - 1) == CASE.first_period


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"first": "2020-03-10", "last": "2020-03-01"}, "ends before it begins"),
        ({"first": "banana"}, "banana"),
        ({"last": "2020-W10-1"}, "2020-W10-1"),
        ({"span": 7}, "span"),
        ({"first": "2020-01-01", "last": "2026-01-01"}, f"{MOST_PERIODS:,}"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_reason(asked, said):
    with pytest.raises(HTTPException) as refused:
        resolve(**asked)
    assert refused.value.status_code == 422 and said in refused.value.detail
