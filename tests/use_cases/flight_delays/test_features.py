"""Features and labels computed by hand on small frames, and on real days limited to what was known."""

from __future__ import annotations

from functools import cache
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.use_case import Period
from include.use_cases.flight_delays import USE_CASE, features, source

D = Period("2013-03-01")
FLIGHT = {"flight_date": D, "origin": "JFK", "dest": "MIA", "carrier": "AA", "flight": 1, "sched_dep_time": 815}
LANDED = {"status": "landed", "dep_delay": 0, "air_time": 100}


def schema(feed: str) -> pa.Schema:
    columns = USE_CASE.feed(feed).columns.items()
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns]).append(
        pa.field("period", pa.date32())
    )


def table(feed: str, rows: list[dict[str, Any]]) -> pa.Table:
    dated = [{n: v.start_date if isinstance(v, Period) else v for n, v in row.items()} for row in rows]
    return pa.Table.from_pylist(dated, schema(feed))


def planned(period: Period = D, **other: Any) -> dict[str, Any]:
    return FLIGHT | {"flight_date": period, "sched_arr_time": 1120, "distance": 1089, "period": period} | other


def flown(days_ago: int, arr_delay: int | None, **other: Any) -> dict[str, Any]:
    """A flight that became known `days_ago` days before D's midnight's own partition (0: yesterday's flights)."""
    known = D - days_ago
    return FLIGHT | LANDED | {"flight_date": known - 1, "arr_delay": arr_delay, "period": known} | other


def observed(days_ago: int, hour: int, **other: Any) -> dict[str, Any]:
    known = D - days_ago
    at = {"origin": "JFK", "observed_on": known - 1, "hour": hour, "utc_offset": -5, "period": known}
    return at | dict.fromkeys(["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust"]) | other


def build(schedule: pa.Table, outcomes: pa.Table, weather: pa.Table) -> pa.Table:
    feeds = {"schedule": schedule, "outcomes": outcomes, "weather": weather}
    expression = features.build(D, **{name: ibis.memtable(feed) for name, feed in feeds.items()})
    return expression.order_by(list(USE_CASE.keys)).to_pyarrow()


def built(schedule=None, outcomes=(), weather=()) -> list[dict[str, Any]]:
    """The features of D as rows; of one planned flight, unless others are given."""
    rows = {"schedule": schedule or [planned()], "outcomes": outcomes, "weather": weather}
    return build(**{feed: table(feed, list(found)) for feed, found in rows.items()}).to_pylist()


@cache
def real(feed: str, first: Period, last: Period) -> pa.Table:
    """The feed's rows of all these days, as the lake holds them."""
    periods = [first + n for n in range(last - first + 1)]
    tables = [getattr(source, feed)(period) for period in periods]
    known = [period.start_date for period, rows in zip(periods, tables, strict=True) for _ in range(rows.num_rows)]
    return pa.concat_tables(tables).append_column("period", pa.array(known, pa.date32()))


def real_feeds(last: Period = D) -> dict[str, pa.Table]:
    first = D - USE_CASE.look_back_periods
    return {feed.name: real(feed.name, first, last) for feed in USE_CASE.feeds}


def test_a_real_day_has_one_row_per_flight_with_exactly_the_declared_columns_and_types():
    rows = build(**real_feeds())
    kinds = USE_CASE.key_types() | {n: "string" if k == "category" else k for n, k in USE_CASE.features.items()}
    assert {field.name: field.type for field in rows.schema} == {n: pa.type_for_alias(k) for n, k in kinds.items()}
    assert rows.schema.names == list(kinds)
    assert (
        rows.select(list(USE_CASE.keys))
        .sort_by([(k, "ascending") for k in USE_CASE.keys])
        .equals(real("schedule", D, D).select(list(USE_CASE.keys)).sort_by([(k, "ascending") for k in USE_CASE.keys]))
    )
    floats = [name for name in rows.schema.names if pa.types.is_floating(rows.schema.field(name).type)]
    assert not any(pc.any(pc.is_nan(rows[name])).as_py() for name in floats)


def test_what_becomes_known_later_changes_no_feature():
    later = real_feeds(D + 2)
    assert later["outcomes"].num_rows > real_feeds()["outcomes"].num_rows
    assert build(**later).equals(build(**real_feeds()))


def test_a_flight_of_a_day_that_is_over_is_not_scored_where_it_becomes_known_late():
    """A row that was quarantined and corrected; nor does it count as traffic of the day."""
    late = planned(D - 1) | {"period": D}
    assert built(schedule=[planned(), late]) == built(schedule=[planned()])


def test_of_an_observation_that_was_corrected_the_later_word_counts():
    seen, corrected = observed(1, 23, temp=99.0), observed(1, 23, temp=40.0) | {"period": D}
    for both in ([seen, corrected], [corrected, seen]):
        assert built(weather=both)[0]["last_temp"] == 40.0


def test_neither_the_order_of_rows_nor_of_their_files_changes_a_bit():
    def turned(rows: pa.Table) -> pa.Table:
        return pa.concat_tables([rows.slice(rows.num_rows // 3), rows.slice(0, rows.num_rows // 3)]).take(
            pa.array(range(rows.num_rows - 1, -1, -1))
        )

    feeds = real_feeds()
    assert build(**{name: turned(rows) for name, rows in feeds.items()}).equals(build(**feeds))


def test_days_before_the_look_back_change_nothing():
    older = [flown(n, 99) for n in range(USE_CASE.look_back_periods + 1, 60)]
    assert built(outcomes=[flown(3, 0), *older]) == built(outcomes=[flown(3, 0)])


def test_without_any_history_rates_volumes_and_weather_are_null():
    (row,) = built()
    empty = [n for n in USE_CASE.features if any(part in n for part in ("_excess_", "_late_", "_flights_", "last_"))]
    assert len(empty) == 48
    assert all(row[name] is None for name in empty)
    assert all(row[name] is not None for name in USE_CASE.features if name not in empty)


def test_the_schedule_is_read_off_the_clock():
    (row,) = built([planned(sched_dep_time=2255, sched_arr_time=132)])
    expected = {"dep_hour": 22, "dep_minute": 55, "arr_hour": 1, "scheduled_minutes": 157, "day_of_week": 4}
    assert {name: row[name] for name in expected} == expected  # 1 March 2013 was a Friday


def test_traffic_counts_what_is_planned_for_the_day_alone():
    rows = built(
        [
            planned(),
            planned(flight=2, sched_dep_time=859),
            planned(flight=3, sched_dep_time=900, carrier="DL", dest="ATL"),
            planned(flight=4, origin="LGA"),
            planned(D - 1, flight=5),
        ]
    )
    (row,) = [row for row in rows if row["flight"] == 1]
    expected = {
        "origin_departures": 3,
        "origin_hour_departures": 2,
        "dest_arrivals": 3,
        "carrier_departures": 2,
        "route_departures": 2,
    }
    assert {name: row[name] for name in expected} == expected


def test_trailing_rates_and_volumes_equal_those_counted_by_hand():
    (row,) = built(
        outcomes=[
            flown(0, 15),  # late: 15 minutes and more
            flown(0, 14, carrier="DL", flight=9),
            flown(6, 30, origin="LGA"),
            flown(7, 0),
            flown(27, -5, dest="ATL", sched_dep_time=1500),
            flown(28, 200),  # out of every window
            flown(0, None, status="cancelled"),
            flown(0, None, status="diverted"),
        ]
    )
    m = features.PRIOR_FLIGHTS
    assert row["all_late_1d"] == 1 / 2 and row["all_late_7d"] == 2 / 3 and row["all_late_28d"] == 2 / 5
    assert row["carrier_excess_1d"] == pytest.approx((1 - 1 * 1 / 2) / (1 + m))
    assert row["carrier_excess_7d"] == pytest.approx((2 - 2 * 2 / 3) / (2 + m))
    assert row["origin_excess_28d"] == pytest.approx((1 - 4 * 2 / 5) / (4 + m))
    assert row["route_excess_28d"] == pytest.approx((1 - 3 * 2 / 5) / (3 + m))
    assert row["hour_excess_28d"] == pytest.approx((1 - 3 * 2 / 5) / (3 + m))
    assert row["flight_excess_28d"] == pytest.approx((1 - 2 * 2 / 5) / (2 + m))
    assert row["dest_flights_1d"] == 2.0
    assert row["dest_flights_7d"] == 3 / 2  # two days have delivered something
    assert row["carrier_flights_28d"] == 4 / 4


def test_a_group_that_has_not_flown_has_no_excess():
    (row,) = built([planned(carrier="HA", flight=51, dest="HNL")], outcomes=[flown(0, 99)])
    assert row["carrier_excess_28d"] == 0.0 and row["carrier_flights_28d"] == 0.0
    assert row["origin_excess_28d"] == 0.0  # one flight, late as all flights were


def test_shrinking_is_the_m_estimate_less_the_overall_rate():
    late, flights, rate = 3, 10, 0.2
    m_estimate = (late + features.PRIOR_FLIGHTS * rate) / (flights + features.PRIOR_FLIGHTS)
    assert features.excess(late, flights, rate) == pytest.approx(m_estimate - rate)


def test_the_last_observation_is_the_latest_known_and_its_nulls_stay():
    (row,) = built(weather=[observed(1, 23, temp=1.0), observed(0, 21, temp=2.0, dewp=0.5), observed(0, 22, temp=3.0)])
    assert row["last_temp"] == 3.0 and row["last_dewp"] is None


def test_of_the_hour_that_occurs_twice_the_second_is_the_later():
    (row,) = built(weather=[observed(0, 1, temp=9.0, utc_offset=-4), observed(0, 1, temp=8.0, utc_offset=-5)])
    assert row["last_temp"] == 8.0


def test_an_observation_of_days_ago_is_no_last_one():
    (row,) = built(weather=[observed(features.WEATHER_DAYS, 23, temp=1.0)])
    assert row["last_temp"] is None


def labelled(outcomes: list[dict[str, Any]]) -> pa.Table:
    feeds = {"schedule": [], "outcomes": outcomes, "weather": []}
    return features.labels(D, **{n: ibis.memtable(table(n, rows)) for n, rows in feeds.items()}).to_pyarrow()


def test_a_flight_is_late_from_fifteen_minutes_on():
    rows = labelled([flown(0, 14, flight=14), flown(0, 15, flight=15), flown(0, -20, flight=20)])
    assert dict(zip(rows["flight"].to_pylist(), rows["late"].to_pylist(), strict=True)) == {14: 0, 15: 1, 20: 0}
    assert rows.schema.names == [*USE_CASE.keys, "late"]
    assert rows.schema.field("late").type == pa.int8()


def test_a_cancelled_or_diverted_flight_has_no_label_but_is_scored():
    assert labelled([flown(0, None, status="cancelled"), flown(0, None, status="diverted")]).num_rows == 0
    assert len(built(outcomes=[flown(0, None, status="cancelled")])) == 1


def test_only_the_labels_that_became_known_on_the_day_are_its_labels():
    assert labelled([flown(0, 20), flown(1, 20)]).num_rows == 1
