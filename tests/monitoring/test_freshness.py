"""Volume and age of data."""

import pytest

from include.declaration.period import Period
from include.monitoring import freshness

DAY = Period("2020-03-01")


@pytest.mark.parametrize(
    ("rows", "change", "breached"),
    [(100, 0, False), (149, 0.49, False), (151, 0.51, True), (49, -0.51, True), (0, -1, True)],
)
def test_rows_are_held_against_the_mean_of_the_days_before_in_both_directions(rows, change, breached):
    found = freshness.volume_change("events", rows, [90, 110], 0.5)
    assert (found.value, found.breached) == (pytest.approx(change), breached)


@pytest.mark.parametrize(("before", "said"), [([], "no earlier period"), ([0, 0], "look-back periods have no rows")])
def test_without_rows_before_a_change_is_not_judged(before, said):
    found = freshness.volume_change("events", 5, before, 0.5)
    assert (found.value, found.breached) == (None, None) and said in found.missing_reason


def test_a_day_of_the_look_back_without_rows_counts_in_the_mean():
    assert freshness.volume_change("events", 100, [100, 0], 0.5).value == 1


@pytest.mark.parametrize(("predictions", "unscored"), [(200, 0), (197, 3), (204, 4)])
def test_rows_without_a_prediction_and_predictions_without_a_row_are_a_breach(predictions, unscored):
    found = freshness.unscored_periods(200, predictions)
    assert (found.value, found.breached) == (unscored, unscored > 0)


def test_labels_are_late_by_the_days_that_a_newer_day_should_have_been_complete():
    due = Period("2020-02-28")
    assert freshness.lateness(DAY, due, due, 1).value == 0
    late = freshness.lateness(DAY, Period("2020-02-25"), due, 1)
    assert (late.value, late.breached) == (3, True)
    assert freshness.lateness(DAY, due, Period("2020-02-20"), 1).value == 0
    assert freshness.lateness(DAY, due, None, 1).value == 0
    assert "There are no complete labels" in freshness.lateness(DAY, None, due, 1).missing_reason


def test_data_is_as_old_as_its_newest_day():
    assert freshness.staleness("labels", DAY, DAY, 1).value == 0
    late = freshness.staleness("labels", DAY, Period("2020-02-27"), 1)
    assert (late.value, late.breached) == (3, True)
    assert freshness.staleness("labels", DAY, None, 1).missing_reason == "There are no labels up to 2020-03-01."


def test_a_model_is_old_from_its_limit_on():
    assert [freshness.champion_age(DAY, Period("2020-02-20"), limit).breached for limit in (9, 10, 11)] == [
        True,
        True,
        False,
    ]


def test_a_feed_tells_what_was_published_and_why_the_rest_was_not():
    found = {
        (each.metric, each.subject): each.value
        for each in freshness.feed_freshness("events", 10, 10, {"hour > 23": 2, "no id": 1}, 2)
    }
    assert found == {
        ("rows", "events"): 10,
        ("published", "events"): 8,
        ("quarantined", "events"): 2,
        ("quarantined_by_reason", "events: hour > 23"): 2,
        ("quarantined_by_reason", "events: no id"): 1,
    }


def test_a_refused_day_of_a_feed_is_a_state():
    found = {each.metric: each for each in freshness.feed_freshness("events", 10, None, {}, 0)}
    assert found["rows"].value == 10
    assert found["published"].value is None and "refused" in found["published"].missing_reason
