"""Features and labels computed by hand on small frames, and on real days limited to what was known."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from include.use_case import Period
from include.use_cases.late_departures import USE_CASE, features
from tests.use_cases import flights

D = Period("2013-03-01")
FLIGHT = {"origin": "JFK", "dest": "MIA", "carrier": "AA", "flight": 1, "sched_dep_time": 815}


def planned(period: Period = D, **other: Any) -> flights.Row:
    return FLIGHT | {"flight_date": period, "period": period} | other


def departed(days_ago: int, dep_delay: int | None, **other: Any) -> flights.Row:
    """A flight that became known `days_ago` days before D's midnight (0: yesterday's flights)."""
    known = D - days_ago
    return FLIGHT | {"flight_date": known - 1, "status": "departed", "dep_delay": dep_delay, "period": known} | other


def built(schedule=None, departures=(), weather=()) -> list[flights.Row]:
    """The features of D as rows; of one planned flight, unless others are given."""
    rows = {"schedule": schedule or [planned()], "departures": departures, "weather": weather}
    return flights.build(features, D, flights.written(USE_CASE, rows)).to_pylist()


def labelled(period: Period, schedule: list[flights.Row], departures: list[flights.Row]) -> list[flights.Row]:
    rows = {"schedule": schedule, "departures": departures}
    return flights.labels(features, period, flights.written(USE_CASE, rows)).to_pylist()


@pytest.fixture(scope="module")
def feeds(source_home) -> dict[str, pa.Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(source_home))
        return flights.real(USE_CASE, D + 2, USE_CASE.look_back_periods + 3)


def up_to(feeds: dict[str, pa.Table], period: Period) -> dict[str, pa.Table]:
    within = pa.scalar(period.start_date)
    return {name: rows.filter(pa.compute.less_equal(rows["period"], within)) for name, rows in feeds.items()}


def test_a_real_day_has_one_row_per_airport_and_hour_with_the_declared_columns(feeds):
    rows = flights.build(features, D, up_to(feeds, D))
    flights.require_declared_columns(USE_CASE, rows)
    schedule = feeds["schedule"].filter(pa.compute.equal(feeds["schedule"]["period"], pa.scalar(D.start_date)))
    cells = {(row["origin"], row["sched_dep_time"] // 100) for row in schedule.to_pylist()}
    assert [(row["origin"], row["hour"]) for row in rows.to_pylist()] == sorted(cells)
    assert sum(rows["departures"].to_pylist()) == schedule.num_rows


def test_what_becomes_known_later_changes_no_feature_and_no_label(feeds):
    assert up_to(feeds, D)["departures"].num_rows < feeds["departures"].num_rows
    for make in (flights.build, flights.labels):
        assert make(features, D, feeds).equals(make(features, D, up_to(feeds, D)))


def test_the_order_of_rows_changes_no_bit(feeds):
    for make in (flights.build, flights.labels):
        assert make(features, D, flights.turned(feeds)).equals(make(features, D, feeds))


def test_days_before_the_look_back_change_nothing():
    older = [departed(n, 99) for n in range(USE_CASE.look_back_periods + 1, 60)]
    assert built(departures=[departed(3, 0), *older]) == built(departures=[departed(3, 0)])


def test_without_any_history_only_the_timetable_is_known():
    (row,) = built()
    empty = {name for name in USE_CASE.features if any(part in name for part in ("rate", "expected", "7d", "last_"))}
    assert {name for name in USE_CASE.features if row[name] is None} == empty


def test_the_timetable_counts_what_is_planned_for_the_day_alone():
    rows = built(
        [
            planned(sched_dep_time=1705),
            planned(flight=2, sched_dep_time=1859),
            planned(flight=3, sched_dep_time=1800),
            planned(flight=4, sched_dep_time=2000),
            planned(flight=5, origin="LGA", sched_dep_time=1801),
            planned(D - 1, flight=6),
            planned(D - 1, flight=7) | {"period": D},  # corrected: it became known today, and is over
        ]
    )
    counts = ("departures", "departures_hour_before", "departures_earlier", "departures_of_day")
    assert {(row["origin"], row["hour"]): [row[name] for name in counts] for row in rows} == {
        ("JFK", 17): [1, 0, 0, 4],
        ("JFK", 18): [2, 1, 1, 4],
        ("JFK", 20): [1, 0, 3, 4],
        ("LGA", 18): [1, 0, 0, 1],
    }
    assert {row["day_of_week"] for row in rows} == {4}  # 1 March 2013 was a Friday


def test_trailing_rates_equal_those_counted_by_hand():
    (row,) = built(
        departures=[
            departed(0, 15),  # late: 15 minutes and more
            departed(0, 14, carrier="DL", flight=9),
            departed(0, None, status="cancelled", sched_dep_time=1900),
            departed(0, None, flight=8),  # departed without a delay: not known
            departed(6, 0, origin="LGA"),
            departed(7, 30),
            departed(27, 0, dest="ATL", sched_dep_time=1500),
            departed(28, 200),  # out of every window
        ]
    )
    m = features.PRIOR_DEPARTURES
    assert (row["all_rate_1d"], row["all_rate_7d"], row["all_rate_28d"]) == (2 / 3, 2 / 4, 3 / 6)
    assert row["hour_rate_1d"] == pytest.approx((1 + m * 2 / 3) / (2 + m))
    assert row["origin_rate_7d"] == pytest.approx((2 + m / 2) / (3 + m))
    assert row["hour_rate_28d"] == pytest.approx((2 + m / 2) / (3 + m))
    assert row["expected_by_hour"] == row["hour_rate_28d"]  # one departure
    assert row["expected_by_carrier"] == pytest.approx((3 + m / 2) / (4 + m), abs=1e-6)
    assert row["expected_by_route"] == pytest.approx((3 + m / 2) / (4 + m), abs=1e-6)
    assert row["evening_rate"] == 1.0
    assert row["late_7d_ago"] is None  # nothing of this hour departed on the date a week earlier


def test_what_is_expected_is_added_over_the_planned_departures():
    both = [planned(), planned(flight=2, carrier="DL", dest="ATL")]
    known = [departed(0, 99), departed(0, 0, carrier="DL", dest="ATL")]
    (row,) = built(both, known)
    m = features.PRIOR_DEPARTURES
    assert row["expected_by_carrier"] == pytest.approx((1 + m / 2 + 0 + m / 2) / (1 + m), abs=1e-6)
    assert row["expected_by_hour"] == pytest.approx(2 * (1 + m / 2) / (2 + m))


def test_the_season_is_the_label_of_the_same_hour_a_week_earlier():
    week = [departed(6, 20), departed(6, 5, flight=2), departed(5, 30, flight=3) | {"flight_date": D - 7}]
    (row,) = built(departures=[*week, departed(6, 99, sched_dep_time=1700), departed(5, 99)])
    assert row["late_7d_ago"] == 2.0


def test_the_last_observation_is_the_latest_known():
    def observed(days_ago: int, hour: int, temp: float) -> flights.Row:
        known = D - days_ago
        return {"origin": "JFK", "observed_on": known - 1, "hour": hour, "utc_offset": -5} | {
            "temp": temp,
            "period": known,
        }

    (row,) = built(weather=[observed(1, 23, 1.0), observed(0, 21, 2.0), observed(0, 22, 3.0)])
    assert row["last_temp"] == 3.0 and row["last_dewp"] is None
    (row,) = built(weather=[observed(features.WEATHER_DAYS, 23, 1.0)])
    assert row["last_temp"] is None


def test_the_label_counts_the_late_and_the_cancelled_of_an_hour():
    schedule = [planned(D - 1, flight=n) for n in range(4)]
    delays: list[flights.Row] = [{"dep_delay": 15}, {"dep_delay": 14}, {"dep_delay": -3}, {"status": "cancelled"}]
    found = labelled(D, schedule, [departed(0, None, flight=n) | delay for n, delay in enumerate(delays)])
    assert found == [{"flight_date": (D - 1).start_date, "origin": "JFK", "hour": 8, "late": 2.0}]


def test_an_hour_is_labelled_once_on_the_day_on_which_its_last_departure_is_known():
    schedule = [planned(D - 1, flight=1), planned(D - 1, flight=2)]
    first, last = departed(0, 20, flight=1), departed(-1, 300, flight=2) | {"flight_date": D - 1}
    assert labelled(D, schedule, [first, last]) == []
    assert [row["late"] for row in labelled(D + 1, schedule, [first, last])] == [2.0]
    assert labelled(D + 2, schedule, [first, last]) == []


def test_an_hour_with_a_departure_that_is_not_known_has_no_label():
    schedule = [planned(D - 1, flight=1), planned(D - 1, flight=2)]
    assert labelled(D, schedule, [departed(0, 20, flight=1), departed(0, None, flight=2)]) == []
    assert len(labelled(D, schedule[:1], [departed(0, 20, flight=1)])) == 1


def test_every_hour_of_a_real_day_is_labelled_within_the_declared_delay(feeds):
    rows = {
        delay: flights.labels(features, D + delay, up_to(feeds, D + delay)).to_pylist()
        for delay in range(1, USE_CASE.label.label_delay_periods + 1)
    }
    labelled_hours = [
        (row["origin"], row["hour"]) for found in rows.values() for row in found if row["flight_date"] == D.start_date
    ]
    scored = flights.build(features, D, up_to(feeds, D)).to_pylist()
    assert sorted(labelled_hours) == [(row["origin"], row["hour"]) for row in scored]
