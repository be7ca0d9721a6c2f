"""The leakage gate's results: a leak, inconclusive, or no leak."""

import re
from dataclasses import replace

import pytest

from include.declaration.period import Period
from include.evaluation.gates import require_gates
from include.evaluation.gates.base import GateLimits
from include.evaluation.inputs import GateInputs, RebuiltPeriod
from include.use_case import LeakageGate
from tests.evaluation.gates.sound import TASK, judge_one
from tests.refusals import invalid

DAYS = tuple(RebuiltPeriod(Period(f"2020-03-{day:02}"), rows=9) for day in range(1, 7))
DAY, OTHER = DAYS[0], RebuiltPeriod(Period("2020-03-09"), rows=9)


def result_of(*rebuilt):
    return judge_one(LeakageGate(), GateInputs(metrics={}, periods=20, rebuilt_periods=rebuilt))


def test_too_few_days_are_refused():
    with invalid("periods"):
        LeakageGate(periods=5)


def test_a_window_with_too_few_days_to_build_again_is_refused():
    require_gates([LeakageGate()], GateLimits([], test_periods=7, rebuildable_periods=6, task=TASK))
    with pytest.raises(ValueError, match=r"\b5\b.*\b6\b"):
        require_gates([LeakageGate()], GateLimits([], test_periods=7, rebuildable_periods=5, task=TASK))


def test_days_on_which_nothing_moved_pass_and_are_named():
    result = result_of(*DAYS)
    assert (result.outcome, result.value, result.limit) == ("passed", 0, 0)
    assert result.reason == (
        "Everything that became known later was changed in 6 days (2020-03-01, 2020-03-02, 2020-03-03, 2020-03-04,"
        " 2020-03-05 and 1 more), and no feature, label or quarantine decision moved."
    )


def test_what_moved_and_what_else_was_read_are_leaks():
    leaks = replace(DAY, leaking=("size", "rows"), read=("source.everything",))
    result = result_of(leaks, replace(OTHER, leaking=("size",)))
    assert (result.outcome, result.blocks, result.value) == ("failed", True, 3)
    assert result.reason.startswith(
        "On 2020-03-01, 2020-03-09 rows, size changed when only later data was changed."
        " On 2020-03-01 the use case's functions read source.everything, which they were not given"
    )


def test_a_leak_fails_also_where_a_day_cannot_be_relied_on():
    result = result_of(replace(DAY, rows=0, read=("source.outcomes",), error="it raised", outdated=True))
    assert (result.outcome, result.value) == ("failed", 1)
    assert "source.outcomes" in result.reason


@pytest.mark.parametrize(
    ("matter", "said"),
    [
        ({"outdated": True}, "built by other code than the current code"),
        ({"error": "no raw data"}, "could not be built again: no raw data."),
        ({"non_deterministic": ("size",), "outdated": True}, "differs when built twice .* decided: size."),
    ],
)
def test_a_day_that_cannot_be_relied_on_fails(matter, said):
    result = result_of(DAY, replace(OTHER, **matter))
    assert (result.outcome, result.value) == ("failed", None)
    assert "2020-03-09" in result.reason
    assert re.search(said, result.reason)


@pytest.mark.parametrize("rebuilt", [(), DAYS[:5], (*DAYS[:5], replace(OTHER, rows=0))])
def test_with_fewer_days_that_have_rows_than_it_needs_it_is_inconclusive(rebuilt):
    result = result_of(*rebuilt)
    assert (result.outcome, result.blocks) == ("inconclusive", True)


def test_a_day_without_rows_is_named():
    result = result_of(replace(DAY, rows=0))
    assert result.reason == "Only 0 days could be tried, and 6 are needed. There are no rows of 2020-03-01."
