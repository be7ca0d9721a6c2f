"""An hourly regression for tests: the passengers of 12 stops an hour, in a zone whose clocks change."""

from __future__ import annotations

from include.use_case import (
    ChampionGate,
    Feed,
    Gate,
    Hourly,
    Label,
    Monitoring,
    Period,
    Regression,
    Retraining,
    Training,
    UseCase,
    Weekly,
)

FIRST = Period("2020-03-25T00Z")

USE_CASE = UseCase(
    name="hourly",
    objective="Run more trams where passengers wait.",
    owner="tests",
    time_zone="Europe/Berlin",
    calendar=Hourly(),
    first_period=FIRST,
    look_back_periods=24,
    feeds=(
        Feed(
            name="stops",
            columns={"at": "timestamp", "stop": "int32", "line": "string", "rain": "float64"},
            keys=("at", "stop"),
        ),
        Feed(
            name="passengers",
            columns={"at": "timestamp", "stop": "int32", "passengers": "int32"},
            keys=("at", "stop"),
            missing_periods=frozenset({FIRST}),  # nothing had happened before
        ),
    ),
    keys=("at", "stop"),
    period="at",
    features={"line": "category", "rain": "float64", "hour": "int32", "a_day_ago": "float64"},
    label=Label("passengers", meaning="how many people waited at the stop in the hour", label_delay_periods=2),
    task=Regression(objective="poisson", intervals=(0.1, 0.9), seasonal_feature="a_day_ago"),
    training=Training(
        window_periods=24 * 7,
        validation_periods=24,
        test_periods=24,
        gap_periods=2,
        min_train_periods=36,
        parameters={"learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20},
        num_boost_round=60,
        early_stopping_rounds=10,
        schedule=Weekly(on="sunday"),
    ),
    gates=(
        Gate("poisson_deviance", better_than="mean"),
        ChampionGate(margin=0.5, min_periods=5),
    ),
    monitoring=Monitoring(window_periods=24, min_periods=6),
    retraining=Retraining(breaches=1, of_periods=3, cool_down_periods=24, max_cool_down_periods=96),
    package="tests.hourly_use_case",
)
