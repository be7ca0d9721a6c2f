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
    ("declared", "fields"),
    [
        (Feed, {"name": "a", "columns": {"x": 1}, "keys": ("x",)}),
        (Feed, {"name": "a", "columns": COLUMNS, "keys": "x"}),
        (Feed, {"name": "a", "columns": COLUMNS, "keys": ["x"]}),
        (Feed, {"name": "a", "columns": COLUMNS, "keys": (3,)}),
        (Feed, {"name": 3, "columns": COLUMNS, "keys": ("x",)}),
        (Feed, {"name": "a", "columns": COLUMNS, "keys": ("x",), "missing_periods": {"2020-01-01"}}),
        (Label, {"name": "late", "meaning": "late", "label_delay_periods": "2"}),
        (DecisionCosts, {"false_negative": "1", "false_positive": 2, "unit": "min"}),
        (SearchRange, {"low": "1", "high": 2}),
        (Training, {"window_periods": 28.0}),
        (Approval, {"required": "yes"}),
        (Gate, {"metric": "auc", "at_least": "0.5"}),
        (LeakageGate, {"min_periods": "3"}),
        (PerformanceLimit, {"metric": "auc", "max_degradation": "0.1"}),
        (Monitoring, {"window_periods": "14"}),
        (Retraining, {"signals": "performance"}),
        (Alerts, {"deadline": 4}),
        (Retention, {"superseded_days": None}),
        (LandingBucket, {"conn_id": 3}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_a_field_of_another_type_is_named_with_what_to_write(declared: type, fields: dict[str, Any]):
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
    assert [problem.path in fields for problem in refused.value.problems] == [True]


def test_values_of_the_annotated_types_are_taken():
    assert Retraining(signals=["performance"]).signals == ("performance",)
    assert Gate("auc", at_least=1).at_least == 1  # a whole number is a number
    assert Approval(wait=timedelta(hours=1)).wait == timedelta(hours=1)
