"""Every planned flight gets its one outcome; how it departed is not delivered."""

from __future__ import annotations

import pyarrow as pa
import pytest

from include.declaration.period import Period
from include.ingestion.known_at import KnownTooLateError, require_known_in_time
from include.use_cases.flight_outcomes import USE_CASE, source

KEYS = list(USE_CASE.keys)
SEAM = Period("2014-01-01")
"""The first day of the replay."""


def delivered(feed: str, first: Period, days: int) -> pa.Table:
    return pa.concat_tables(getattr(source, feed)(first + n) for n in range(days))


@pytest.mark.parametrize("first", [Period("2013-03-08"), SEAM - 4])
def test_every_planned_flight_has_its_one_outcome_within_the_delay_of_the_label(first):
    planned = delivered("schedule", first, 7).select(KEYS)
    outcomes = delivered("outcomes", first, 7 + USE_CASE.label.label_delay_periods)
    both = planned.join(outcomes, KEYS, join_type="inner")
    assert both.num_rows == planned.num_rows
    assert set(both["status"].to_pylist()) == {"landed", "cancelled", "diverted"}
    assert pa.compute.is_valid(both["arr_delay"]).equals(pa.compute.equal(both["status"], "landed"))


@pytest.mark.parametrize("feed", ["outcomes", "weather"])
@pytest.mark.parametrize("day", [*map(Period, ("2013-03-11", "2014-01-03", "2026-11-28"))])
def test_a_feed_that_delivers_a_day_early_is_refused_at_ingestion(feed, day):
    rows = getattr(source, feed)(day)
    require_known_in_time(USE_CASE, USE_CASE.feed(feed), day, rows)
    with pytest.raises(KnownTooLateError):
        require_known_in_time(USE_CASE, USE_CASE.feed(feed), day - 1, rows)


@pytest.mark.parametrize("feed", ["outcomes", "weather"])
def test_the_days_declared_absent_are_those_on_which_the_source_has_nothing(feed):
    absent = USE_CASE.feed(feed).missing_periods
    around = {period + step for period in sorted(absent)[:3] for step in (-1, 0, 1)}
    for period in around - {Period("2012-12-31")}:
        assert (getattr(source, feed)(period).num_rows == 0) == (period in absent), period
