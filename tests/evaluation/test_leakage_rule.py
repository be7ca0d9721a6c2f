"""What days that were built again tell of leakage: a leak, nothing that can be relied on, or that there is none."""

import re
from dataclasses import replace
from datetime import date

import pytest

from include.declaration.gates import LeakageGate
from include.evaluation.inputs import GateInputs, RebuiltPeriod
from include.evaluation.judge import judge_gates
from include.use_case import DecisionCosts

DAYS = tuple(RebuiltPeriod(date(2020, 3, day), rows=9) for day in range(1, 7))
DAY, OTHER = DAYS[0], RebuiltPeriod(date(2020, 3, 9), rows=9)


def verdict_on(*rebuilt):
    evidence = GateInputs(metrics={}, days=20, rebuilt=rebuilt)
    [verdict] = judge_gates([LeakageGate()], evidence, DecisionCosts(missed=3, false_warning=1, unit="points"))
    return verdict


def test_days_on_which_nothing_moved_pass_and_are_named():
    verdict = verdict_on(*DAYS)
    assert (verdict.outcome, verdict.value, verdict.limit) == ("passed", 0, 0)
    assert verdict.reason == (
        "Everything that became known later was changed on 6 days (2020-03-01, 2020-03-02, 2020-03-03, 2020-03-04,"
        " 2020-03-05 and 1 more), and no feature, label or quarantine decision moved."
    )


def test_what_moved_and_what_was_read_besides_are_leaks():
    leaks = replace(DAY, leaking=("size", "rows"), read=("source.everything",))
    verdict = verdict_on(leaks, replace(OTHER, leaking=("size",)))
    assert (verdict.outcome, verdict.blocks, verdict.value) == ("failed", True, 3)
    assert verdict.reason.startswith(
        "On 2020-03-01, 2020-03-09 rows, size changed when only what became known later was changed."
        " On 2020-03-01 the use case's functions read source.everything, which they were not given"
    )


def test_a_leak_is_a_leak_whatever_else_is_the_matter():
    verdict = verdict_on(replace(DAY, rows=0, read=("source.outcomes",), error="it raised", outdated=True))
    assert (verdict.outcome, verdict.value) == ("failed", 1)
    assert "source.outcomes" in verdict.reason


@pytest.mark.parametrize(
    ("matter", "said"),
    [
        ({"outdated": True}, "built by other code than there is now"),
        ({"error": "no raw data"}, "could not be built again: no raw data."),
        ({"non_deterministic": ("size",), "outdated": True}, "not the same when built twice .* decided: size."),
    ],
)
def test_a_day_that_cannot_be_relied_on_fails(matter, said):
    verdict = verdict_on(DAY, replace(OTHER, **matter))
    assert (verdict.outcome, verdict.value) == ("failed", None)
    assert "2020-03-09" in verdict.reason
    assert re.search(said, verdict.reason)


@pytest.mark.parametrize("rebuilt", [(), DAYS[:5], (*DAYS[:5], replace(OTHER, rows=0))])
def test_with_fewer_days_that_have_rows_than_it_needs_it_is_not_judged(rebuilt):
    verdict = verdict_on(*rebuilt)
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)


def test_a_day_without_rows_is_named():
    verdict = verdict_on(replace(DAY, rows=0))
    assert verdict.reason == "Only 0 days could be tried, and 6 are needed. Of 2020-03-01 there are no rows."
