"""All problems of a declaration are reported at once, with their location and what to write instead."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from include.declaration.problems import DeclarationError, Problem, declared, did_you_mean, keep_problems, require
from include.use_case import (
    Approval,
    Feed,
    Gate,
    Label,
    LandingBucket,
    Monitoring,
    PerformanceLimit,
    Retraining,
    SearchRange,
    SliceGate,
    UseCase,
)
from tests.toy_use_case import USE_CASE

FIELDS = {name: getattr(USE_CASE, name) for name in USE_CASE.__dataclass_fields__}
EVENTS, OUTCOMES = USE_CASE.feeds


def hints(error: DeclarationError) -> dict[str, str]:
    """Where a problem is, to what to write instead: of several at one place, of the first."""
    return {problem.path: problem.hint for problem in reversed(error.problems)}


def test_a_part_that_is_built_alone_fails_at_once_with_all_that_is_wrong_with_it():
    with pytest.raises(DeclarationError) as refused:
        Feed("an event", columns={"id": "int", "on": "date"}, keys=("idd",), max_quarantined=2, known_at="onn")
    assert hints(refused.value) == {
        "name": "",
        "columns['id']": "Did you mean 'int8' or 'int64' or 'int32'?",
        "columns['on']": "Did you mean 'date32'?",
        "keys": "Did you mean 'id'?",
        "max_quarantined": "",
        "known_at": "",
    }
    assert str(refused.value).startswith("6 problems:\n- Feed('an event'): ")


def test_all_problems_of_a_use_case_and_of_its_parts_are_said_at_once():
    with pytest.raises(DeclarationError) as refused, keep_problems():
        UseCase(
            **FIELDS
            | {
                "name": "Toy",
                "time_zone": "Europe/Berln",
                "period": "event_dat",
                "features": {"hour": "int", "kind": "string", "a:b": "float64"},
                "feeds": (
                    EVENTS,
                    replace(
                        OUTCOMES,
                        columns={**OUTCOMES.columns, "failed": "int_8"},
                        source=LandingBucket("B", "x/{period}/"),
                    ),
                ),
                "gates": (Gate("acu", at_least=0.5), Gate("auc", atleast=0.5), SliceGate("hours", "brier", 0.1)),
                "label": Label("failed", "it failed", 0),
                "training": replace(
                    USE_CASE.training,
                    parameters={"num_leafs": 7, "eta": 0.1},
                    search_space={"max_depth": SearchRange(9, 3)},
                    baseline_features=("houre",),
                ),
                "monitoring": Monitoring(performance=(PerformanceLimit("log-loss", max_degradation=0.1),)),
                "retraining": Retraining(signals=("performence",)),
                "approval": Approval(wait=timedelta()),
            }
        )
    found = hints(refused.value)
    assert found.pop("time_zone").startswith("Did you mean 'Europe/Berlin'")
    assert found.pop("period").startswith("Did you mean 'event_date'?")
    assert {path: hint for path, hint in found.items() if hint} == {
        "feeds[1].columns['failed']": "Did you mean 'int8' or 'int64' or 'int32'?",
        "features['hour']": "Did you mean 'int8' or 'int64' or 'int32'?",
        "features['kind']": "Write 'category'.",
        "features['a:b']": "Write 'a_b'.",
        "gates[0].metric": "Did you mean 'auc'?",
        "training.parameters['num_leafs']": "Did you mean 'num_leaves'?",
        "training.parameters['eta']": "Write 'learning_rate'.",
        "training.baseline_features": "Did you mean 'hour'?",
        "monitoring.performance[0].metric": "Did you mean 'log_loss'?",
        "retraining.signals": "Did you mean 'performance'?",
        "gates": "Did you mean 'hour'?",
        "gates[1]": "Did you mean 'at_least'?",
    }
    rest = {"name", "feeds[1].source.bucket", "label.label_delay_periods", "training.search_space['max_depth'].low"}
    assert rest | {"approval.wait"} <= set(found)
    assert str(refused.value).startswith(f"UseCase('Toy'): {len(refused.value.problems)} problems:\n- ")
    assert all(f"\n- {path}: " in str(refused.value) for path in found)


def test_a_field_of_another_type_leaves_out_only_what_depends_on_it():
    with pytest.raises(DeclarationError) as refused, keep_problems():
        replace(
            USE_CASE,
            owner=3,
            look_back_periods=-1,
            feeds=(Feed("events", columns=3, keys=("id",)),),
            features={"x": ""},
        )
    assert {"owner", "look_back_periods", "feeds[0].columns", "features['x']"} <= set(hints(refused.value))
    assert "keys" not in hints(refused.value)


def test_missing_arguments_are_said_with_the_problems_of_the_parts():
    with pytest.raises(DeclarationError) as refused, keep_problems():
        UseCase(name="x", objektive="y", feeds=(Feed("events"),), label=Label("failed", "it failed", 0))
    problems = {problem.path: problem for problem in refused.value.problems}
    assert "lacks the arguments ['columns', 'keys']" in problems["feeds[0]"].problem
    assert "label.label_delay_periods" in problems
    own = [problem.text for problem in refused.value.problems if not problem.path]
    assert own[0] == "UseCase has no argument 'objektive'. Did you mean 'objective'?"
    assert "lacks the arguments ['owner', 'time_zone', 'first_period'" in own[1]


def test_a_wrong_part_that_no_use_case_holds_is_not_forgotten():
    with keep_problems() as unused:
        Gate("acu", at_least=0.5)
    (problem,) = unused()
    assert (problem.path, problem.hint) == ("Gate.metric", "Did you mean 'auc'?")


def test_a_wrong_part_of_a_part_is_said_once():
    with keep_problems() as unused:
        Monitoring(performance=(PerformanceLimit("acu", max_degradation=0.1),))
    assert [problem.path for problem in unused()] == ["Monitoring.performance[0].metric"]


def test_what_is_raised_between_the_parts_is_said_with_their_problems_and_its_own_line():
    with pytest.raises(DeclarationError) as refused, keep_problems():  # noqa: PT012
        Gate("acu", at_least=0.5)
        raise KeyError("late")
    assert [problem.path for problem in refused.value.problems] == ["", "Gate.metric"]
    assert refused.value.problems[0].problem == "KeyError: 'late'"
    assert traceback.extract_tb(refused.value.__traceback__)[-1].line == 'raise KeyError("late")'


@pytest.mark.parametrize("reported", [True, False])
def test_a_check_that_raises_is_heard_unless_it_stumbled_over_what_is_reported(reported):
    @declared
    @dataclass(frozen=True)
    class Stumbling:
        def __post_init__(self) -> None:
            require(not reported, "no.")
            raise KeyError("stumbled")

    with pytest.raises(DeclarationError if reported else KeyError):
        Stumbling()


def test_parts_fail_at_once_again_after_a_use_case_was_loaded():
    with keep_problems():
        pass
    with pytest.raises(DeclarationError):
        Gate("acu", at_least=0.5)


def test_a_condition_that_is_required_outside_of_a_declaration_is_raised_at_once():
    assert require(True, "never said")
    with pytest.raises(DeclarationError) as refused:
        require(False, "no.", field="here", hint="Do.")
    assert refused.value.problems == (Problem("here", "no.", "Do."),)


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        ("LogLoss", "Did you mean 'log_loss'?"),
        ("AUC", "Did you mean 'auc'?"),
        (["acu", "x", "brierr"], "Did you mean 'auc' for 'acu' and 'brier' for 'brierr'?"),
        ("x", ""),
        (3, ""),
    ],
)
def test_the_most_similar_name_is_suggested_whatever_its_case(names, hint):
    assert did_you_mean(names, ["log_loss", "auc", "brier"]) == hint
