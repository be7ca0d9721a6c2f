"""Every departure is delivered once, on the day on which it was known; nothing of its flight is known then."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.ingestion.known_at import KnownTooLateError, require_known_in_time
from include.use_cases.late_departures import USE_CASE, source

KEYS = list(USE_CASE.feed("schedule").keys)
NEW_YORK = ZoneInfo("America/New_York")
FIRST, LAST = Period("2013-03-08"), Period("2013-03-14")
"""A week with a change of clocks."""


def delivered(feed: str, first: Period, last: Period) -> pd.DataFrame:
    tables = [(first + n, getattr(source, feed)(first + n)) for n in range(last - first + 1)]
    known = [period.start_date for period, rows in tables for _ in range(rows.num_rows)]
    rows = pa.concat_tables(rows for _, rows in tables)
    return rows.append_column("period", pa.array(known, pa.date32())).to_pandas()


def test_every_planned_flight_has_its_one_departure_within_the_delay_of_the_label():
    planned, departures = delivered("schedule", FIRST, LAST), delivered("departures", FIRST, LAST + 3)
    both = planned.merge(departures, on=KEYS, how="left", suffixes=("", "_known"))
    assert len(both) == len(planned) and both.status.notna().all()
    lag = (pd.to_datetime(both.period_known) - pd.to_datetime(both.flight_date)).dt.days
    assert set(lag) == {1, USE_CASE.label.label_delay_periods}
    assert set(lag[both.status == "cancelled"]) == {1}
    assert both.dep_delay.isna().equals(both.status == "cancelled")


def test_no_departure_is_known_before_it_and_none_a_day_later_than_needed():
    departures = delivered("departures", FIRST, LAST)
    for row in departures[departures.status == "departed"].itertuples():
        hour, minute = divmod(row.sched_dep_time, 100)
        planned = datetime.combine(row.flight_date, datetime.min.time(), NEW_YORK).replace(hour=hour, minute=minute)
        departed = planned.timestamp() + timedelta(minutes=row.dep_delay).total_seconds()
        midnight = datetime.combine(row.period, datetime.min.time(), NEW_YORK)
        before = datetime.combine(row.period - timedelta(days=1), datetime.min.time(), NEW_YORK)
        assert before.timestamp() < departed <= midnight.timestamp(), row


@pytest.mark.parametrize("feed", ["departures", "weather"])
@pytest.mark.parametrize("day", [*map(Period, ("2013-03-11", "2014-01-03", "2026-11-28"))])
def test_a_feed_that_delivers_a_day_early_is_refused_at_ingestion(feed, day):
    rows = getattr(source, feed)(day)
    require_known_in_time(USE_CASE, USE_CASE.feed(feed), day, rows)
    with pytest.raises(KnownTooLateError):
        require_known_in_time(USE_CASE, USE_CASE.feed(feed), day - 1, rows)


@pytest.mark.parametrize("feed", ["departures", "weather"])
def test_the_days_declared_absent_are_those_on_which_the_source_has_nothing(feed):
    absent = USE_CASE.feed(feed).missing_periods
    around = {period + step for period in sorted(absent)[:3] for step in (-1, 0, 1)}
    for period in around - {Period("2012-12-31")}:
        assert (getattr(source, feed)(period).num_rows == 0) == (period in absent), period


def test_a_replayed_day_differs_from_its_original_by_the_date_alone():
    original, replay = source.schedule(Period("2013-03-11")), source.schedule(Period("2013-03-11") + 364)
    assert replay.drop_columns(["flight_date"]).equals(original.drop_columns(["flight_date"]))
    assert set(replay["flight_date"].to_pylist()) == {(Period("2013-03-11") + 364).start_date}
