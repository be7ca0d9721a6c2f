"""A declaration field of the wrong type is refused by name, with what to write instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from include.declaration.problems import DeclarationError
from include.use_case import (
    Alerts,
    Approval,
    DecisionCosts,
    Feed,
    Gate,
    Label,
    LandingBucket,
    LeakageGate,
    Monitoring,
    PerformanceLimit,
    Retention,
    Retraining,
    SearchRange,
    Training,
)

COLUMNS = {"x": "int8"}


@pytest.mark.parametrize(
    ("declared", "fields", "says"),
    [
        (Feed, {"name": "a", "columns": {"x": 1}, "keys": ("x",)}, "columns must be a mapping of text to text"),
        (Feed, {"name": "a", "columns": COLUMNS, "keys": "x"}, "One element needs a comma: ('x',)."),
        (Feed, {"name": "a", "columns": COLUMNS, "keys": ["x"]}, "Write round brackets"),
        (Feed, {"name": "a", "columns": COLUMNS, "keys": (3,)}, "keys must be a tuple of text"),
        (Feed, {"name": 3, "columns": COLUMNS, "keys": ("x",)}, "name must be text"),
        (
            Feed,
            {"name": "a", "columns": COLUMNS, "keys": ("x",), "missing_periods": {"2020-01-01"}},
            "missing_periods must be a set of Period",
        ),
        (Label, {"name": "late", "meaning": "late", "label_delay_periods": "2"}, "must be a whole number; it is '2'"),
        (DecisionCosts, {"false_negative": "1", "false_positive": 2, "unit": "min"}, "false_negative must be a number"),
        (SearchRange, {"low": "1", "high": 2}, "low must be a number"),
        (Training, {"window_periods": 28.0}, "window_periods must be a whole number; it is 28.0 (float)"),
        (Approval, {"required": "yes"}, "required must be True or False"),
        (Gate, {"metric": "auc", "at_least": "0.5"}, "at_least must be a number or None"),
        (LeakageGate, {"min_periods": "3"}, "min_periods must be a whole number"),
        (PerformanceLimit, {"metric": "auc", "max_degradation": "0.1"}, "max_degradation must be a number or None"),
        (Monitoring, {"window_periods": "14"}, "window_periods must be a whole number"),
        (Retraining, {"signals": "performance"}, "One element needs a comma: ('performance',)."),
        (Alerts, {"deadline": 4}, "deadline must be timedelta"),
        (Retention, {"superseded_days": None}, "superseded_days must be a whole number"),
        (LandingBucket, {"conn_id": 3}, "conn_id must be text"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_field_of_another_type_is_named_with_what_to_write(declared: type, fields: dict[str, Any], says: str):
    required = {
        Training: {
            "validation_periods": 7,
            "test_periods": 7,
            "gap_periods": 1,
            "min_train_periods": 7,
            "parameters": {},
            "num_boost_round": 5,
            "early_stopping_rounds": 5,
        },
        LandingBucket: {"bucket": "b", "prefix": "p"},
    }.get(declared, {})
    with pytest.raises(DeclarationError) as refused:
        declared(**(required | fields))
    assert str(refused.value).startswith(declared.__name__)
    assert says in str(refused.value)
    assert [problem.path in fields for problem in refused.value.problems] == [True]


def test_values_of_the_annotated_types_are_taken():
    assert Retraining(signals=["performance"]).signals == ("performance",)
    assert Gate("auc", at_least=1).at_least == 1  # a whole number is a number
    assert Approval(wait=timedelta(hours=1)).wait == timedelta(hours=1)
