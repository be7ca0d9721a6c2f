"""The status line and the page on rows that `measure` wrote, not on those of the fixture."""

import pytest

from include.declaration.period import period_range
from include.lake.lake import Lake
from include.lake.range_reader import RangeReader
from include.monitoring import monitor
from include.project import open_project
from include.scoring import score
from include.web import html, overview
from tests.conftest import AS_OF
from tests.toy_use_case import USE_CASE
from tests.web import measured

KNOWN = AS_OF + USE_CASE.label.label_delay_periods
"""The day at which the first day that the champion scored has its labels."""


@pytest.fixture
def seen(champion):
    for period in period_range(AS_OF, KNOWN):
        score.score_period(open_project(USE_CASE), period)
        monitor.monitor_period(open_project(USE_CASE), period)
    return overview.build_overview(open_project(USE_CASE), KNOWN)


def test_a_value_on_too_few_days_is_shown_as_one_that_no_one_judged(seen):
    (worse,) = seen.measures.rows_of("skill_loss/log_loss")[-1:]
    assert worse.value is not None and worse.breached is None and "needed to judge" in worse.missing_reason
    shown = " ".join((seen.status.reason, seen.status.action, *seen.status.notes))
    assert worse.missing_reason in shown and "Nothing to do." not in shown
    if seen.status.name == "ok":
        assert seen.status.action.startswith("Performance is not judged yet")
    text = html.use_case_page(seen, "/airworthy", span=90, chosen=False, several=False)
    assert worse.missing_reason in text and "version 1" in text and "Nothing to do." not in text


def test_a_day_that_was_measured_but_never_scored_is_unclear_and_says_what_to_do(champion):
    monitor.monitor_period(open_project(USE_CASE), AS_OF)
    found = overview.build_overview(open_project(USE_CASE), AS_OF).status
    assert found.name == "unclear" and "run toy__score for it" in found.reason


def test_the_fixture_of_these_tests_writes_no_figure_that_measure_does_not(seen):
    measured.fill(USE_CASE, range(5, 6))
    rows = RangeReader.open(Lake.open(USE_CASE), "metrics", measured.period_of(5)).rows().to_pylist()
    fixture = {(row["metric"], row["measured_period"] == row["period"]) for row in rows}
    real = {(row.metric, row.measured_period == row.period) for row in seen.measures.rows_on(KNOWN)}
    assert fixture and fixture - {("quarantined_by_reason", True)} <= real  # no row of these days is quarantined
