"""A regression for tests: the visits of 60 shops a day, counts whose mean is known (see source.py)."""

from __future__ import annotations

from typing import Any

from include.use_case import (
    ChampionGate,
    CustomMetric,
    Feed,
    Gate,
    Label,
    Period,
    Regression,
    RobustnessGate,
    ServingGate,
    SliceGate,
    Training,
    UseCase,
)


def share_within_five(labels: Any, predictions: Any) -> float:
    """The share of rows with an error of at most 5 visits."""
    import numpy as np

    point = predictions if predictions.ndim == 1 else predictions[:, 0]
    return float(np.mean(np.abs(point - labels) <= 5))


WITHIN_FIVE = CustomMetric(
    "within_five", share_within_five, higher_is_better=True, title="share of errors of at most 5 visits"
)
USE_CASE = UseCase(
    name="counts",
    objective="Plan the staff of each shop for its visits.",
    owner="tests",
    time_zone="UTC",
    first_period=Period("2020-01-01"),
    look_back_periods=7,
    feeds=(
        Feed(
            name="shops",
            columns={"on": "date32", "shop": "int32", "town": "string", "temperature": "float64"},
            keys=("on", "shop"),
        ),
        Feed(
            name="visits",
            columns={"on": "date32", "shop": "int32", "visits": "int32"},
            keys=("on", "shop"),
            missing_periods=frozenset({Period("2020-01-01")}),  # nothing had happened before
        ),
    ),
    keys=("on", "shop"),
    period="on",
    features={"town": "category", "temperature": "float64", "weekday": "int32", "visits_7d_ago": "float64"},
    label=Label("visits", meaning="how many people visited the shop on the day", label_delay_periods=1),
    task=Regression(objective="poisson", intervals=(0.1, 0.9), season=7, unit="visits", custom_metrics=(WITHIN_FIVE,)),
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
    gates=(
        Gate("poisson_deviance", better_than="mean"),
        Gate("mae", better_than="seasonal_naive"),
        Gate("coverage", at_least=0.7),
        ChampionGate(margin=0.5, min_periods=5),
        ChampionGate("within_five", margin=0.3, min_periods=5),
        SliceGate("town", "mae", max_degradation=5.0, min_rows=50),
        RobustnessGate(at_most=30.0),
        ServingGate(at_most_microseconds=10_000, at_most_megabytes=5),
    ),
    package="tests.counts_use_case",
)
