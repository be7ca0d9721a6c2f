"""Durations of training and scoring, compared with the usual ones."""

from datetime import timedelta

import pytest

from include.lake.lake import Lake
from include.monitoring import durations
from include.monitoring.slowdown import Duration
from include.project import open_project
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE


def timed(seconds: float) -> durations.Stopwatch:
    with durations.Stopwatch() as clock:
        pass
    clock.seconds = seconds
    return clock


def recorded(days_after: int, seconds: float, rows: int = 200) -> Duration:
    return durations.record_duration(open_project(USE_CASE), "score", AS_OF + days_after, timed(seconds), rows, "1")


@pytest.mark.usefixtures("lake_home")
def test_what_is_usual_comes_from_the_days_before_and_a_slow_day_is_a_breach():
    for period, seconds in enumerate((1.0, 2.0, 3.0)):
        assert recorded(period, seconds).breached is None  # not known yet
    assert recorded(3, 5.9).breached is False
    slow = recorded(4, 12.0, rows=300)
    # Half of 0.01 and 0.015 per row; the median of four days is 0.0125.
    assert (slow.usual_seconds, slow.limit, slow.breached) == (pytest.approx(3.75), pytest.approx(11.25), True)
    (row,) = Lake.open(USE_CASE).as_of(AS_OF + 4).read("durations/score", AS_OF + 4).to_pylist()
    assert (row["seconds"], row["rows"], row["breached"], row["model_version"]) == (12.0, 300, True, "1")
    assert row["started_at"].endswith("+00:00")


@pytest.mark.usefixtures("lake_home")
def test_later_days_do_not_say_what_is_usual():
    for period in (5, 6, 7):
        recorded(period, 1.0)
    assert recorded(4, 100.0).breached is None


@pytest.mark.usefixtures("lake_home")
def test_a_day_that_is_done_again_has_one_row():
    recorded(0, 1.0), recorded(0, 4.0)
    rows = Lake.open(USE_CASE).as_of(AS_OF).read("durations/score").to_pylist()
    assert [row["seconds"] for row in rows] == [4.0]


def test_a_clock_measures_what_is_done_within_it_even_if_that_fails():
    with pytest.raises(ValueError, match="no"), durations.Stopwatch() as clock:
        raise ValueError("no")
    assert clock.seconds >= 0 and clock.started.utcoffset() == timedelta()
