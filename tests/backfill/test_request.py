"""What a backfill may be asked for."""

from __future__ import annotations

import pytest

from include.backfill.request import BackfillRequest, BackfillRequestError, chunked
from include.declaration.period import Period, period_range
from include.errors import InvalidRequestError
from tests.refusals import raises
from tests.toy import USE_CASE

ONE, TWO, THREE = (Period(f"2020-01-{day:02}") for day in (1, 2, 3))


def test_a_request_written_as_plain_values_is_read_as_it_was():
    request = BackfillRequest.parse(USE_CASE, {"first": ONE.key, "last": THREE.key, "kinds": ["score", "data"]})
    assert request.kinds == ("data", "score"), "the kinds are in the order in which they are worked"
    assert BackfillRequest.parse(USE_CASE, request.fields()) == request


def test_single_periods_need_no_range_and_are_the_only_ones_worked():
    request = BackfillRequest.parse(USE_CASE, {"only": [THREE.key, ONE.key]})
    assert (request.first, request.last) == (ONE, THREE)
    assert request.periods(USE_CASE, "land") == [ONE, THREE]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"first": ONE.key},
        {"first": THREE.key, "last": ONE.key},
        {"first": ONE.key, "last": THREE.key, "kinds": ["train"]},
        {"first": ONE.key, "last": TWO.key, "only": [THREE.key]},
    ],
)
def test_what_cannot_be_worked_is_refused(fields):
    with raises(BackfillRequestError, use_case="toy"):
        BackfillRequest.parse(USE_CASE, fields)


@pytest.mark.parametrize("fields", [{"first": "2019-12-31", "last": "2020-01-02"}, {"only": ["2020-01-01T05Z"]}])
def test_a_period_that_the_use_case_does_not_have_is_refused(fields):
    with pytest.raises(InvalidRequestError):
        BackfillRequest.parse(USE_CASE, fields)


def test_chunks_hold_every_period_once_in_order():
    periods = period_range(ONE, Period("2020-03-01"))
    chunks = chunked(periods, 7)
    assert [period for chunk in chunks for period in chunk] == periods
    assert {len(chunk) for chunk in chunks[:-1]} == {7}
