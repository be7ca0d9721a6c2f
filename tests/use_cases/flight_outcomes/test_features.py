"""Features and labels computed by hand on small frames, and on real days limited to what was known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.use_case import Period
from include.use_cases.flight_outcomes import CLASSES, USE_CASE, agent_minutes, features
from tests.use_cases import flights

D = Period("2013-03-01")
FLIGHT = {"origin": "JFK", "dest": "MIA", "carrier": "AA", "flight": 1, "sched_dep_time": 815}


def planned(period: Period = D, **other: Any) -> flights.Row:
    return FLIGHT | {"flight_date": period, "sched_arr_time": 1120, "distance": 1089, "period": period} | other


def ended(days_ago: int, arr_delay: int | None, **other: Any) -> flights.Row:
    """A flight whose end became known `days_ago` days before D's midnight (0: yesterday's flights)."""
    known = D - days_ago
    return FLIGHT | {"flight_date": known - 1, "status": "landed", "arr_delay": arr_delay, "period": known} | other


def built(schedule=None, outcomes=()) -> list[flights.Row]:
    """The features of D as rows; of one planned flight, unless others are given."""
    rows = {"schedule": schedule or [planned()], "outcomes": outcomes}
    return flights.build(features, D, flights.written(USE_CASE, rows)).to_pylist()


@pytest.fixture(scope="module")
def feeds(source_home) -> dict[str, pa.Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(source_home))
        return flights.real(USE_CASE, D + 2, USE_CASE.look_back_periods + 3)


def up_to(feeds: dict[str, pa.Table], period: Period) -> dict[str, pa.Table]:
    within = pa.scalar(period.start_date)
    return {name: rows.filter(pa.compute.less_equal(rows["period"], within)) for name, rows in feeds.items()}


def test_a_real_day_has_one_row_per_flight_with_the_declared_columns(feeds):
    rows = flights.build(features, D, up_to(feeds, D))
    flights.require_declared_columns(USE_CASE, rows)
    today = feeds["schedule"].filter(pa.compute.equal(feeds["schedule"]["period"], pa.scalar(D.start_date)))
    keys = list(USE_CASE.keys)
    assert rows.select(keys).equals(today.select(keys).sort_by([(key, "ascending") for key in keys]))


def test_what_becomes_known_later_changes_no_feature_and_no_label(feeds):
    assert up_to(feeds, D)["outcomes"].num_rows < feeds["outcomes"].num_rows
    for make in (flights.build, flights.labels):
        assert make(features, D, feeds).equals(make(features, D, up_to(feeds, D)))


def test_the_order_of_rows_changes_no_bit(feeds):
    for make in (flights.build, flights.labels):
        assert make(features, D, flights.turned(feeds)).equals(make(features, D, feeds))


def test_days_before_the_look_back_change_nothing():
    older = [ended(n, 99) for n in range(USE_CASE.look_back_periods + 1, 60)]
    assert built(outcomes=[ended(3, 0), *older]) == built(outcomes=[ended(3, 0)])


def test_without_any_history_only_the_timetable_is_known():
    (row,) = built()
    empty = {name for name in USE_CASE.features if "late_" in name or name.startswith("last_")}
    assert {name for name in USE_CASE.features if row[name] is None} == empty


def test_the_timetable_and_the_traffic_are_those_of_the_day():
    rows = built(
        [
            planned(sched_dep_time=2255, sched_arr_time=132),
            planned(flight=2, sched_dep_time=2255, dest="ATL"),
            planned(flight=3, sched_dep_time=2130),
            planned(flight=4, origin="LGA"),
            planned(D - 1, flight=5),
        ]
    )
    (row,) = [row for row in rows if row["flight"] == 1]
    expected = {"dep_hour": 22, "arr_hour": 1, "scheduled_minutes": 157, "day_of_week": 4}
    expected |= {"origin_departures": 3, "hour_departures": 2, "earlier_departures": 1}
    assert {name: row[name] for name in expected} == expected


def test_trailing_rates_equal_those_counted_by_hand():
    (row,) = built(
        outcomes=[
            ended(0, 15),  # late
            ended(0, 14, carrier="DL", flight=9),  # on time
            ended(0, 60, origin="LGA"),  # very late
            ended(0, None, flight=8),  # landed without a delay: not known
            ended(6, None, status="cancelled"),
            ended(27, None, status="diverted", dest="ATL"),
            ended(28, 200),  # out of every window
        ]
    )
    m = features.PRIOR_FLIGHTS
    assert (row["all_late_1d"], row["all_late_7d"], row["all_late_28d"]) == (2 / 3, 3 / 4, 4 / 5)
    assert (row["all_very_late_1d"], row["all_very_late_7d"], row["all_very_late_28d"]) == (1 / 3, 2 / 4, 3 / 5)
    assert row["carrier_late_7d"] == pytest.approx((2 - 2 * 3 / 4) / (2 + m))
    assert row["carrier_very_late_28d"] == pytest.approx((2 - 3 * 3 / 5) / (3 + m))
    assert row["route_very_late_7d"] == pytest.approx((1 - 3 * 2 / 4) / (3 + m))
    assert row["flight_late_28d"] == pytest.approx((2 - 2 * 4 / 5) / (2 + m))


def test_every_flight_whose_end_became_known_gets_its_class():
    ends = [(14, "landed"), (15, "landed"), (59, "landed"), (60, "landed"), (None, "cancelled"), (None, "diverted")]
    outcomes = [ended(0, delay, status=status, flight=n) for n, (delay, status) in enumerate(ends)]
    rows = {"outcomes": [*outcomes, ended(1, 20), ended(0, None, flight=8)]}
    found = flights.labels(features, D, flights.written(USE_CASE, rows))
    on_time, late, very_late = CLASSES
    assert found["outcome"].to_pylist() == [on_time, late, late, very_late, very_late, very_late]
    assert found.schema.names == [*USE_CASE.keys, "outcome"]


def test_every_flight_of_a_real_day_is_labelled_within_the_declared_delay(feeds):
    day = D - 1
    found = [
        row
        for delay in range(1, USE_CASE.label.label_delay_periods + 1)
        for row in flights.labels(features, day + delay, up_to(feeds, day + delay)).to_pylist()
        if row["flight_date"] == day.start_date
    ]
    scored = flights.build(features, day, up_to(feeds, day)).num_rows
    assert len({tuple(row[key] for key in USE_CASE.keys) for row in found}) == len(found) == scored


def test_the_cheapest_action_follows_the_probabilities_and_is_paid_by_what_happened():
    sure = np.eye(3)
    assert agent_minutes(np.array([0, 1, 2]), sure) == pytest.approx((0 + 10 + 40) / 3)
    assert agent_minutes(np.array([2, 2, 0]), sure) == pytest.approx((120 + 90 + 40) / 3)
