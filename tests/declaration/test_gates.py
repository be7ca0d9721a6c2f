"""A gate that cannot be judged, or that no model can pass, is refused when it is declared."""

import math

import pytest

from include.declaration import gates as declaration_gates
from include.declaration.gates import (
    ChampionGate,
    Gate,
    LeakageGate,
    RobustnessGate,
    SchemaGate,
    ServingGate,
    SliceGate,
    UnusedFeaturesGate,
)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Gate("accuracy", at_least=0.9), "metric='accuracy' is none of"),
        (lambda: Gate("auc"), "exactly one"),
        (lambda: Gate("auc", at_least=0.6, better_than="prior"), "exactly one"),
        (lambda: Gate("auc", better_than="luck"), "better_than='luck' is none of"),
        (lambda: Gate("auc", at_least=1.2), "lies between 0 and 1, so no model can be at least 1.2"),
        (lambda: Gate("log_loss", at_most=-0.1), "no model can be at most -0.1"),
        (lambda: Gate("log_loss", at_most=math.nan), "give a finite number"),
        (lambda: Gate("auc", at_least=0.6, min_days=0), "min_days is a number of days from 1"),
        (lambda: Gate("auc", at_least=0.6, unjudged="maybe"), "unjudged='maybe' is none of"),
        (lambda: ChampionGate("auc"), "metric='auc' is none of"),
        (lambda: ChampionGate(margin=math.inf), "margin is a finite number"),
        (lambda: ChampionGate(confidence=1.0), "between 0.5 and 0.999"),
        (lambda: ChampionGate(min_days=4), "at least 5"),
        (lambda: SliceGate("kind", "accuracy", 0.1), "metric='accuracy' is none of"),
        (lambda: SliceGate("kind", "brier", 0.1, than="luck"), "than='luck' is none of"),
        (lambda: SliceGate("kind", "brier", 0.1, min_rows=0), "min_rows is a number of rows"),
        (lambda: SliceGate("kind", "brier", math.nan), "no finite number"),
        (lambda: SliceGate("kind", "brier", -0.1), "not every group can be better than all rows"),
        (lambda: RobustnessGate(at_most=0), "above 0 and up to 1"),
        (lambda: ServingGate(at_most_microseconds=10, at_most_megabytes=0), "both limits must be above 0"),
        (lambda: ServingGate(at_most_microseconds=10, at_most_megabytes=math.nan), "both limits must be above 0"),
        (lambda: LeakageGate(days=5), "days=5 is too few; 6 days or more"),
        (lambda: UnusedFeaturesGate(at_most=-1), "number of features from 0"),
    ],
)
def test_a_gate_that_cannot_be_is_refused(declare, said):
    with pytest.raises(ValueError, match=said):
        declare()


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ([Gate("auc", at_least=0.9), Gate("auc", at_most=0.8)], "contradict each other: at least 0.9 and at most 0.8"),
        ([LeakageGate(), LeakageGate(days=7)], r"\['nothing sees the future'\] are declared twice"),
        ([SliceGate("nowhere", "brier", 0.1)], r"no key or feature of that name .* there are \['hour', 'kind'\]"),
        ([Gate("auc", at_least=0.6, min_days=8)], "min_days=8 is more than the 7 test days"),
        ([ChampionGate()], "min_days=14 is more than the 7 test days"),
    ],
)
def test_gates_that_do_not_fit_each_other_or_the_use_case_are_refused(gates, said):
    with pytest.raises(ValueError, match=said):
        declaration_gates.check_gates(gates, ["kind", "hour"], test_days=7)


def test_limits_from_both_sides_that_leave_room_are_let_through():
    declaration_gates.check_gates(
        [Gate("auc", at_least=0.7), Gate("auc", at_most=0.95), Gate("brier", at_most=0.2)], [], 7
    )


def test_a_window_with_too_few_days_to_try_for_leaks_is_refused():
    declaration_gates.check_gates([LeakageGate()], [], 7, most_tried=6)
    with pytest.raises(ValueError, match="has 5 days of train, validation and test that can be tried, and 6"):
        declaration_gates.check_gates([LeakageGate()], [], 7, most_tried=5)


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (Gate("log_loss", better_than="prior"), "log_loss better than prior"),
        (Gate("auc", at_least=0.7), "auc at least 0.7"),
        (ChampionGate(), "log_loss better than the champion"),
        (ChampionGate(margin=-0.01), "log_loss better than the champion by 0.01"),
        (ChampionGate("brier", margin=0.01), "brier not worse than the champion by 0.01"),
        (SliceGate("kind", "brier", 0.1), "brier by kind at most 0.1 worse than all rows"),
        (SliceGate("kind", "brier", 0.1, than="champion"), "brier by kind at most 0.1 worse than the champion"),
        (UnusedFeaturesGate(), "features without gain"),
        (UnusedFeaturesGate(at_most=3), "at most 3 features without gain"),
        (SchemaGate(), "signature fits that of the champion"),
    ],
)
def test_a_gate_is_named_by_what_it_asks_for(declared, name):
    assert str(declared) == name
