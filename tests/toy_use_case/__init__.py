"""A very small use case: 200 events a day, some of them failing at random.

The probability that an event fails is known (see source.py), so tests know what a model must find.
"""

from __future__ import annotations

from include.use_case import Binary, DecisionCosts, Feed, Gate, Label, Period, Training, UseCase

USE_CASE = UseCase(
    name="toy",
    objective="Warn of events that will fail.",
    owner="tests",
    time_zone="UTC",
    first_period=Period("2020-01-01"),
    look_back_periods=7,
    feeds=(
        Feed(
            name="events",
            columns={
                "event_date": "date32",
                "id": "int64",
                "kind": "string",
                "size": "float64",
                "hour": "int32",
                "urgent": "bool",
            },
            keys=("event_date", "id"),
        ),
        Feed(
            name="outcomes",
            columns={"event_date": "date32", "id": "int64", "failed": "int8"},
            keys=("event_date", "id"),
            missing_periods=frozenset({Period("2020-01-01")}),  # nothing had happened before
        ),
    ),
    keys=("event_date", "id"),
    period="event_date",
    features={"kind": "category", "size": "float64", "hour": "int32", "urgent": "bool"},
    label=Label("failed", meaning="the event failed", label_delay_periods=2),
    task=Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points")),
    training=Training(
        window_periods=60,
        validation_periods=7,
        test_periods=7,
        gap_periods=1,
        min_train_periods=10,
        parameters={"learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20},
        num_boost_round=80,
        early_stopping_rounds=10,
    ),
    gates=(Gate("log_loss", better_than="prior"), Gate("log_loss", better_than="logistic")),
    notice="These events are invented.",
    package="tests.toy_use_case",
)
