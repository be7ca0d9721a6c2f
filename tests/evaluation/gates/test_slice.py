"""The slice gate: the worst group of rows with one value of a column."""

import math
from dataclasses import replace

import numpy as np
import pytest

from include.declaration.period import Period
from include.evaluation.gates import require_gates
from include.evaluation.gates.base import GateLimits
from include.evaluation.inputs import ChampionInputs
from include.use_case import SliceGate
from tests.evaluation.gates.sound import DAYS, PER_DAY, SOUND, TASK, judge_one, labelled
from tests.refusals import invalid


@pytest.mark.parametrize(
    ("declare", "field"),
    [
        (lambda: SliceGate("kind", "accuracy", 0.1), "metric"),
        (lambda: SliceGate("kind", "brier", 0.1, reference="luck"), "reference"),
        (lambda: SliceGate("kind", "brier", 0.1, min_rows=0), "min_rows"),
        (lambda: SliceGate("kind", "brier", math.nan), "max_degradation"),
        (lambda: SliceGate("kind", "brier", -0.1), "max_degradation"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(declare, field):
    with invalid(field):
        declare()


def test_a_column_that_does_not_exist_is_refused_with_those_that_do():
    limits = GateLimits(["kind", "hour"], test_periods=7, rebuildable_periods=6, task=TASK)
    require_gates([SliceGate("kind", "brier", 0.1)], limits)
    with pytest.raises(ValueError, match=r"'nowhere'.*\['hour', 'kind'\]"):
        require_gates([SliceGate("nowhere", "brier", 0.1)], limits)


@pytest.mark.parametrize(
    ("gate", "name"),
    [
        (SliceGate("kind", "brier", 0.1), "brier by kind at most 0.1 worse than all rows"),
        (SliceGate("kind", "brier", 0.1, reference="champion"), "brier by kind at most 0.1 worse than the champion"),
        (SliceGate("kind", "brier", 0.1, reference="prior"), "brier by kind at most 0.1 worse than prior"),
    ],
)
def test_it_is_named_by_what_it_asks_for(gate, name):
    assert str(gate) == name


def test_the_worst_group_with_enough_rows_decides():
    gate = SliceGate("group", "brier", max_degradation=0.05, min_rows=50)
    result = judge_one(gate, replace(SOUND, rows=labelled(model={"a": 0.4, "rare": 0.0})))
    assert result.outcome == "failed"
    assert "Worst of 2 groups is group a with 158 rows: Brier score 0.36, " in result.reason
    assert result.reason.endswith("at most 0.05 worse is allowed. 1 group had fewer than 50 rows.")


def test_the_reference_may_be_a_baseline():
    gate = SliceGate("group", "brier", max_degradation=0.0, reference="prior", min_rows=50)
    result = judge_one(gate, replace(SOUND, rows=labelled(model={"a": 0.4})))
    assert (result.outcome, result.value) == ("failed", pytest.approx(0.36 - 0.25))
    assert judge_one(gate, SOUND).outcome == "passed"


def test_the_reference_may_be_the_champion_on_days_that_it_has_not_seen():
    rows = labelled(better=0.03)
    early = rows.periods < np.datetime64("2020-03-05")
    sure = np.where(rows.labels > 0, 0.999, 0.001)
    flattered = np.where(early, sure, rows.predicted["champion"])
    rows = replace(rows, predicted=rows.predicted | {"champion": flattered})
    gate = SliceGate("group", "brier", 0.0, reference="champion", min_rows=50)
    seen = tuple(Period(f"2020-03-{period:02}") for period in range(1, 5))
    assert judge_one(gate, replace(SOUND, rows=rows, champion=ChampionInputs("3", seen=seen))).outcome == "passed"
    assert judge_one(gate, replace(SOUND, rows=rows, champion=ChampionInputs("3"))).outcome == "failed"


def test_without_enough_rows_in_any_group_it_is_inconclusive():
    result = judge_one(SliceGate("group", "brier", 0.05, min_rows=10_000), SOUND)
    assert (result.outcome, result.blocks, result.limit) == ("inconclusive", True, 0.05)
    assert result.reason == "No group by group could be judged. 3 groups had fewer than 10,000 rows."


def test_by_a_column_that_the_rows_lack_it_is_inconclusive():
    assert judge_one(SliceGate("nowhere", "brier", 0.05), SOUND).reason == "The test rows have no column nowhere."


def test_probabilities_that_are_no_numbers_are_inconclusive():
    broken = replace(SOUND.rows, predicted=SOUND.rows.predicted | {"model": np.full(DAYS * PER_DAY, np.nan)})
    assert judge_one(SliceGate("group", "ece", 0.05), replace(SOUND, rows=broken)).outcome == "inconclusive"


def test_every_group_is_listed_worst_first_with_those_that_are_too_small_last():
    gate = SliceGate("group", "brier", 0.05, min_rows=50)
    listed = gate.groups(replace(SOUND, rows=labelled(model={"a": 0.4})), TASK)
    assert [(group["group"], group["worse"] is None) for group in listed] == [
        ("a", False),
        ("b", False),
        ("rare", True),
    ]
    assert {(group["column"], group["limit"]) for group in listed} == {("group: brier compared with all rows", 0.05)}
    assert SliceGate("nowhere", "brier", 0.05).groups(SOUND, TASK) == []
