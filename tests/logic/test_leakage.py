"""What days that were built again tell of leakage: a leak, nothing that can be relied on, or that there is none."""

import re
from dataclasses import replace
from datetime import date

import pytest

from include.gate import LeakageGate
from include.logic.evidence import Evidence, Rebuilt
from include.logic.gates import judge
from include.use_case import Costs

DAY, OTHER = Rebuilt(date(2020, 3, 1), rows=9), Rebuilt(date(2020, 3, 9), rows=9)


def verdict_on(*rebuilt, days=2):
    evidence = Evidence(metrics={}, days=20, rebuilt=rebuilt)
    [verdict] = judge([LeakageGate(days=days)], evidence, Costs(missed=3, false_warning=1, unit="points"))
    return verdict


def test_days_on_which_nothing_moved_pass_and_are_named():
    verdict = verdict_on(DAY, OTHER)
    assert (verdict.outcome, verdict.value, verdict.limit) == ("passed", 0, 0)
    assert verdict.reason == (
        "All that became known later was changed on 2020-03-01, 2020-03-09, and no feature moved."
    )


def test_features_that_moved_and_source_functions_that_were_called_are_leaks():
    leaks = replace(DAY, leaking=("size", "rows"), called=("source.everything",))
    verdict = verdict_on(leaks, replace(OTHER, leaking=("size",)))
    assert (verdict.outcome, verdict.blocks, verdict.value) == ("failed", True, 3)
    assert verdict.reason.startswith(
        "On 2020-03-01, 2020-03-09 rows, size changed when only what became known later was changed."
        " On 2020-03-01 the features called source.everything, which knows the future."
    )


def test_a_leak_is_a_leak_whatever_else_is_the_matter():
    verdict = verdict_on(replace(DAY, rows=0, called=("source.outcomes",), error="it raised", stale=True))
    assert (verdict.outcome, verdict.value) == ("failed", 1)
    assert "source.outcomes" in verdict.reason


@pytest.mark.parametrize(
    ("matter", "said"),
    [
        ({"stale": True}, "built by other code than there is now"),
        ({"error": "no raw data"}, "could not be built again: no raw data."),
        ({"unsteady": ("size",), "stale": True}, "not the same when built twice from the same, .* told: size."),
    ],
)
def test_a_day_that_cannot_be_relied_on_fails(matter, said):
    verdict = verdict_on(DAY, replace(OTHER, **matter))
    assert (verdict.outcome, verdict.value) == ("failed", None)
    assert verdict.reason.startswith("The features of 2020-03-09 ")
    assert re.search(said, verdict.reason)


@pytest.mark.parametrize("rebuilt", [(), (DAY,), (DAY, replace(OTHER, rows=0))])
def test_with_fewer_days_that_have_rows_than_asked_for_it_is_not_judged(rebuilt):
    verdict = verdict_on(*rebuilt)
    assert (verdict.outcome, verdict.blocks) == ("not judged", True)


def test_a_day_without_rows_is_named():
    verdict = verdict_on(replace(DAY, rows=0), days=1)
    assert verdict.reason == "Only 0 days of 1 could be tried. Of 2020-03-01 there are no rows."
