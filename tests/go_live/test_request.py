"""What may be asked for when a history is brought live, and what the declaration adds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.backfill.request import BackfillRequestError
from include.declaration.period import Period
from include.go_live.request import GoLiveRequest, GoLiveRequestError
from include.model.model_errors import TrainingTooEarlyError
from include.model.splits import earliest_training, training_window
from tests.refusals import raises
from tests.toy_use_case import USE_CASE

FIRST, LAST = "2020-01-01", "2020-03-10"
UNSCHEDULED = replace(USE_CASE, training=replace(USE_CASE.training, schedule=None))


def parse(use_case=USE_CASE, **fields) -> GoLiveRequest:
    return GoLiveRequest.parse(use_case, {"first": FIRST, "last": LAST} | fields)


def test_without_named_trainings_each_due_period_with_a_long_enough_history_is_trained():
    asked = parse()
    assert all(period.start_date.isoweekday() == 1 for period in asked.train_as_of)
    first = asked.train_as_of[0]
    assert first >= earliest_training(USE_CASE) > first - 7
    assert asked.train_as_of[-1] == Period("2020-03-09")
    assert asked.decide_from == asked.walked[0] == first


def test_the_earliest_training_is_the_first_whose_window_holds_the_splits():
    earliest = earliest_training(USE_CASE)
    training = USE_CASE.training
    first, last = training_window(USE_CASE, earliest)
    least = training.min_train_periods + training.validation_periods + training.test_periods + 2
    assert last - first + 1 == least
    with raises(TrainingTooEarlyError, enough=earliest):
        training_window(USE_CASE, USE_CASE.first_period)


def test_named_trainings_are_taken_once_and_in_order():
    asked = parse(train_as_of=["2020-03-03", "2020-02-25", "2020-03-03"], decide_from="2020-03-01")
    assert asked.train_as_of == (Period("2020-02-25"), Period("2020-03-03"))
    assert (asked.decide_from, asked.walked[0]) == (Period("2020-03-01"), Period("2020-02-25"))


def test_an_empty_list_or_field_of_a_form_is_as_if_it_was_not_given():
    assert parse(train_as_of=[], decide_from="", promotion=None) == parse(train_as_of=None, decide_from=None)


@pytest.mark.parametrize(
    ("use_case", "fields"),
    [
        (USE_CASE, {"last": "2020-01-20"}),
        (USE_CASE, {"first": None}),
        (UNSCHEDULED, {}),
        (USE_CASE, {"train_as_of": ["2020-03-11"]}),
        (USE_CASE, {"decide_from": "2019-12-31"}),
    ],
)
def test_a_history_without_a_training_or_with_one_outside_is_refused(use_case, fields):
    with raises(GoLiveRequestError, use_case="toy"):
        parse(use_case, **fields)


def test_a_range_that_is_empty_is_refused_as_that_of_a_backfill():
    with raises(BackfillRequestError, use_case="toy"):
        parse(first=LAST, last=FIRST)
