"""What measuring a period reads: the periods of its look-back and of its window, and no others."""

from __future__ import annotations

from dataclasses import replace

from include.declaration.period import Period, period_range
from include.features.metric_inputs import limits_digest, metric_inputs
from include.lake.partitions import Partition
from include.use_case import Monitoring
from tests.toy_use_case import USE_CASE

LAST = Period("2020-06-30")


def digests(changed: Period | None = None) -> dict[str, str]:
    """The digests of the inputs of the last day, with other content of one day in each table."""
    days = period_range(Period("2020-01-01"), LAST + 10)
    partitions = {day: Partition("other" if day == changed else "same", 1) for day in days}
    return {one.name: one.digest(partitions) for one in metric_inputs(USE_CASE, LAST)}


def changed_tables(period: Period) -> set[str]:
    before, after = digests(), digests(period)
    return {name.partition(" ")[0] for name in before if before[name] != after[name]}


def test_the_day_itself_is_read_of_every_table():
    feeds = {f"{kind}/{feed.name}" for kind in ("raw", "checked") for feed in USE_CASE.feeds}
    assert changed_tables(LAST) == {*feeds, "features", "labels", "predictions"}


def test_neither_later_periods_nor_those_before_the_reach_of_the_window_are_read():
    judged = LAST - USE_CASE.label.label_delay_periods
    reach = judged - USE_CASE.monitoring.reach_periods
    assert changed_tables(LAST + 1) == set()
    assert {"features", "labels"} <= changed_tables(reach)
    assert changed_tables(reach - 1 - USE_CASE.look_back_periods) == set()
    assert "predictions" in changed_tables(judged)


def test_other_limits_have_another_digest():
    assert limits_digest(USE_CASE) == limits_digest(replace(USE_CASE))
    assert limits_digest(replace(USE_CASE, monitoring=Monitoring(volume_change=0.1))) != limits_digest(USE_CASE)
