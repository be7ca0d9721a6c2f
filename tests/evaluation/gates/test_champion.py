"""The comparison with the champion on the same test days."""

import math
from dataclasses import replace

import numpy as np
import pytest

from include.declaration.period import Period
from include.evaluation.gates.champion import Comparison
from include.evaluation.gates.result import GateResult
from include.evaluation.inputs import ChampionInputs
from include.use_case import ChampionGate, Regression
from tests.evaluation.gates.sound import DAYS, PER_DAY, SOUND, TASK, judge_one, labelled, without_champion
from tests.refusals import invalid


@pytest.mark.parametrize(
    ("declare", "field"),
    [
        (lambda: ChampionGate("auc"), "metric"),
        (lambda: ChampionGate(margin=math.inf), "margin"),
        (lambda: ChampionGate(confidence=1.0), "confidence"),
        (lambda: ChampionGate(min_periods=4), "min_periods"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(declare, field):
    with invalid(field):
        declare()


@pytest.mark.parametrize(
    ("gate", "name"),
    [
        (ChampionGate("log_loss"), "log_loss better than the champion"),
        (ChampionGate("log_loss", margin=-0.01), "log_loss better than the champion by 0.01"),
        (ChampionGate("brier", margin=0.01), "brier not worse than the champion by 0.01"),
    ],
)
def test_it_is_named_by_what_it_asks_for(gate, name):
    assert str(gate) == name


@pytest.mark.parametrize(
    ("task", "metric"),
    [(TASK, "log_loss"), (Regression(), "mse"), (Regression(objective="poisson"), "poisson_deviance")],
)
def test_without_a_metric_it_takes_the_main_one_of_the_task(task, metric):
    assert str(ChampionGate().for_task(task)) == f"{metric} better than the champion"
    assert ChampionGate("brier").for_task(task).metric == "brier"


def test_the_comparison_says_difference_bound_and_days():
    result = judge_one(ChampionGate(), SOUND)
    assert result.value < 0 and result.limit == 0
    assert result.reason.startswith("In 20 days log loss is 0.1")
    assert "lower than version 3's; with 95% confidence at least 0." in result.reason
    worse = judge_one(ChampionGate(), replace(SOUND, rows=labelled(better=-0.1)))
    assert "with 95% confidence it may be up to 0." in worse.reason
    assert worse.reason.endswith("It must be lower beyond doubt.")


def test_as_good_as_the_champion_is_not_better_but_is_within_a_margin():
    equal = labelled()
    equal = replace(equal, predicted=equal.predicted | {"model": equal.predicted["champion"]})
    inputs = replace(SOUND, rows=equal)
    assert judge_one(ChampionGate(), inputs).outcome == "failed"
    result = judge_one(ChampionGate(margin=0.01), inputs)
    assert (result.outcome, result.value, result.limit) == ("passed", 0, 0.01)
    assert "At most 0.01 higher is allowed." in result.reason


def test_a_negative_margin_requires_that_much_gain():
    asked = judge_one(ChampionGate(margin=-0.05), SOUND)
    too_much = judge_one(ChampionGate(margin=-0.5), SOUND)
    assert (asked.outcome, too_much.outcome) == ("passed", "failed")


def seen(periods):
    return tuple(Period(f"2020-03-{1 + period:02}") for period in range(periods))


def test_days_that_the_champion_has_seen_are_not_compared():
    flattered = labelled(better=0.1)
    early = flattered.periods < np.datetime64("2020-03-05")
    sure = np.where(flattered.labels > 0, 0.999, 0.001)
    champion = np.where(early, sure, flattered.predicted["champion"])
    rows = replace(flattered, predicted=flattered.predicted | {"champion": champion})
    result = judge_one(ChampionGate(), replace(SOUND, rows=rows, champion=ChampionInputs("3", seen=seen(4))))
    assert result.outcome == "passed"
    assert result.reason.startswith("In 16 days")


def test_too_few_days_that_the_champion_has_not_seen_are_inconclusive():
    result = judge_one(ChampionGate(), replace(SOUND, champion=ChampionInputs("3", seen=seen(17))))
    assert (result.outcome, result.blocks) == ("inconclusive", True)
    assert result.reason == (
        "Of 20 test days 3 are left to compare on, and this gate needs 14: version 3 has seen the other 17."
    )


def test_probabilities_that_are_no_numbers_are_inconclusive():
    rows = SOUND.rows
    broken = replace(rows, predicted=rows.predicted | {"model": np.full(DAYS * PER_DAY, np.nan)})
    assert judge_one(ChampionGate(), replace(SOUND, rows=broken)).outcome == "inconclusive"


def test_the_comparison_is_drawn_where_there_is_one():
    assert isinstance(ChampionGate().compare(SOUND, TASK), Comparison)
    assert ChampionGate().plot("a title", SOUND, TASK).startswith(b"\x89PNG")
    assert isinstance(ChampionGate().compare(without_champion(), TASK), GateResult)
    assert ChampionGate().plot("a title", without_champion(), TASK) is None
