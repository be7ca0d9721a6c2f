"""A wrong declaration cannot be built, and says what to write instead."""

from dataclasses import replace
from datetime import date

import pytest

from include.errors import BadRequest
from include.use_case import Costs, Gate, Training
from include.use_cases import load
from tests.toy_use_case import USE_CASE

FEED = USE_CASE.feed("events")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": {"id": "int"}}, r"types \{'id': 'int'\} are none of"),
        ({"keys": ("nowhere",)}, "not among its columns"),
        ({"columns": {"id": "int64", "day": "date32"}, "keys": ("id",)}, "added by the lake"),
        ({"max_quarantined": 1.0}, "share from 0 to below 1"),
    ],
)
def test_a_feed_that_cannot_be_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(FEED, **change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Toy"}, "lower-case"),
        ({"name": "a__b"}, "double underscore"),
        ({"keys": ("nowhere",)}, "needs one type in the feeds"),
        ({"features": {"kind": "string"}}, "must be numbers, bool or 'category'"),
        ({"features": {"failed": "int8"}}, "used twice"),
        ({"feeds": (FEED, FEED)}, "distinct names"),
    ],
)
def test_a_use_case_that_cannot_be_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(USE_CASE, **change)


def test_a_gate_has_exactly_one_limit():
    with pytest.raises(ValueError, match="exactly one"):
        Gate("auc")
    with pytest.raises(ValueError, match="exactly one"):
        Gate("auc", at_least=0.6, better_than="prior")
    with pytest.raises(ValueError, match="none of the baselines"):
        Gate("auc", better_than="luck")


def test_a_window_must_hold_its_splits():
    with pytest.raises(ValueError, match=r"cannot hold .* = 36 days"):
        Training(30, 7, 7, 1, 20, {}, 10, 5)


def test_the_threshold_follows_from_the_costs():
    assert Costs(missed=30, false_warning=10, unit="minutes").threshold == pytest.approx(0.25)


def test_declarations_cannot_be_changed_afterwards():
    with pytest.raises(TypeError):
        USE_CASE.features["new"] = "int8"
    with pytest.raises(TypeError):
        FEED.columns["new"] = "int8"


def test_an_unknown_use_case_is_answered_with_those_there_are():
    with pytest.raises(BadRequest, match=r"no use case 'nothing'; there are \['flight_delays'\]"):
        load("nothing")


def test_a_day_before_the_first_is_refused():
    USE_CASE.require(USE_CASE.first_day)
    with pytest.raises(BadRequest, match="2020-01-01"):
        USE_CASE.require(date(2019, 12, 31))
