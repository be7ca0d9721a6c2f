"""How much has come, and how old it is."""

from datetime import date

import pytest

from include.logic import arrivals

DAY = date(2020, 3, 1)


@pytest.mark.parametrize(
    ("rows", "change", "breached"),
    [(100, 0, False), (149, 0.49, False), (151, 0.51, True), (49, -0.51, True), (0, -1, True)],
)
def test_rows_are_held_against_the_mean_of_the_days_before_in_both_directions(rows, change, breached):
    found = arrivals.volume_change("events", rows, [90, 110], 0.5)
    assert (found.value, found.breached) == (pytest.approx(change), breached)


@pytest.mark.parametrize("before", [[], [0, 0]])
def test_without_rows_before_a_change_is_not_judged(before):
    found = arrivals.volume_change("events", 5, before, 0.5)
    assert (found.value, found.breached) == (None, None) and "look-back" in found.state


def test_data_is_as_old_as_its_newest_day():
    assert arrivals.staleness("labels", DAY, DAY, 1).value == 0
    late = arrivals.staleness("labels", DAY, date(2020, 2, 27), 1)
    assert (late.value, late.breached) == (3, True)
    assert arrivals.staleness("labels", DAY, None, 1).state == "There are no labels up to 2020-03-01."


def test_a_model_is_old_from_its_limit_on():
    assert [arrivals.age(DAY, date(2020, 2, 20), limit).breached for limit in (9, 10, 11)] == [True, True, False]


def test_a_feed_tells_what_was_published_and_why_the_rest_was_not():
    found = {
        (each.metric, each.subject): each.value
        for each in arrivals.of_feed("events", 10, 10, {"hour > 23": 2, "no id": 1}, 2)
    }
    assert found == {
        ("rows", "events"): 10,
        ("published", "events"): 8,
        ("quarantined", "events"): 2,
        ("quarantined_by_reason", "events: hour > 23"): 2,
        ("quarantined_by_reason", "events: no id"): 1,
    }


def test_a_refused_day_of_a_feed_is_a_state():
    found = {each.metric: each for each in arrivals.of_feed("events", 10, None, {}, 0)}
    assert found["rows"].value == 10
    assert found["published"].value is None and "refused" in found["published"].state
