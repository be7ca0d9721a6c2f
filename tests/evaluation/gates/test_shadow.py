"""The gate on a trial: conclusive with enough labelled periods, and only when a version is judged in its trial."""

from dataclasses import replace

import numpy as np
import pytest

from include.declaration.period import HOUR
from include.evaluation.inputs import ChampionInputs, TestRows, TrialInputs
from include.use_case import Regression, ShadowGate
from tests.evaluation.gates.sound import DAYS, SOUND, judge_one, labelled, without_champion
from tests.refusals import invalid


def tried(better: float = 0.1, days: int = DAYS):
    """The sound model, after a trial in which it gave what happened so much more."""
    rows = labelled(better=better)
    kept = rows.periods < np.datetime64("2020-03-01") + days
    predicted = {name: values[kept] for name, values in rows.predicted.items()}
    shown = TestRows(rows.periods[kept], rows.labels[kept], predicted, rows.columns.filter(kept))
    return replace(SOUND, trial=TrialInputs("3", shown))


def test_a_version_that_was_better_in_its_trial_passes():
    result = judge_one(ShadowGate(), tried())
    assert (result.outcome, result.metric, result.limit, result.blocks) == ("passed", "log_loss", 0.0, False)
    assert result.value < 0
    assert result.reason.startswith("In 20 labelled days of its trial, log loss differs from that of version 3 by -0.")


def test_a_version_that_was_no_better_fails_unless_the_margin_allows_it():
    same = tried(better=0.0)
    result = judge_one(ShadowGate(), same)
    assert (result.outcome, result.blocks) == ("failed", True)
    assert result.reason.endswith("The upper end must be below 0.")
    assert judge_one(ShadowGate(margin=0.2), same).outcome == "passed"
    assert judge_one(ShadowGate(margin=-0.5), tried()).outcome == "failed"


def test_with_too_few_labelled_periods_it_is_inconclusive_and_blocks():
    result = judge_one(ShadowGate(periods=14), tried(days=13))
    assert (result.outcome, result.blocks) == ("inconclusive", True)
    assert result.reason == "The trial has 13 labelled days so far; this gate needs 14."
    assert judge_one(ShadowGate(periods=14), tried(days=14)).outcome == "passed"


def test_a_training_alone_never_passes_it():
    result = judge_one(ShadowGate(), replace(SOUND, trial=None))
    assert (result.outcome, result.blocks) == ("inconclusive", True)
    assert "Start a trial of this version" in result.reason


def test_without_a_champion_or_of_the_champion_itself_it_passes():
    assert judge_one(ShadowGate(), replace(without_champion(), trial=None)).outcome == "passed"
    itself = replace(SOUND, trial=None, champion=ChampionInputs("3", same=True))
    assert judge_one(ShadowGate(), itself).outcome == "passed"


def test_a_trial_that_cannot_be_compared_says_why():
    result = judge_one(ShadowGate(), replace(SOUND, trial=TrialInputs("3", why_not="the labels are late")))
    assert (result.outcome, result.reason) == ("inconclusive", "The trial cannot be compared: the labels are late.")


def test_periods_are_named_by_their_unit():
    result = judge_one(ShadowGate(periods=24), replace(tried(), unit=HOUR))
    assert result.reason == "The trial has 20 labelled hours so far; this gate needs 24."


def test_its_interval_is_that_of_its_confidence():
    wide, narrow = (judge_one(ShadowGate(confidence=level), tried()).value for level in (0.99, 0.8))
    assert wide > narrow


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"periods": 4}, "periods"),
        ({"margin": float("inf")}, "margin"),
        ({"confidence": 0.4}, "confidence"),
        ({"confidence": 0.999}, "confidence"),
        ({"metric": "nothing"}, "metric"),
    ],
)
def test_a_wrong_declaration_is_refused(given, field):
    with invalid(field):
        ShadowGate(**given)


def test_its_metric_is_the_main_one_of_the_task_unless_another_is_named():
    assert ShadowGate().for_task(Regression()).metric == Regression().main_metric
    assert str(ShadowGate(metric="brier", periods=7)) == "brier better than the champion in a trial of 7 periods"
    assert str(ShadowGate(metric="brier", margin=0.01)).startswith("brier not worse than the champion by 0.01 in")
