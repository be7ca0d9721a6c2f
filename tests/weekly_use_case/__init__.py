"""A weekly regression for tests: the orders of 30 shops a week, decided on Sundays at 18:00."""

from __future__ import annotations

from datetime import time

from include.use_case import (
    ChampionGate,
    Feed,
    Gate,
    Label,
    Monitoring,
    Period,
    Regression,
    Retraining,
    Training,
    UseCase,
    Weekly,
)

FIRST = Period("2018-W12-7")

USE_CASE = UseCase(
    name="weekly",
    objective="Fill the stock of each shop for the coming week.",
    owner="tests",
    time_zone="America/New_York",
    calendar=Weekly(on="sunday", at=time(18)),
    first_period=FIRST,
    look_back_periods=4,
    feeds=(
        Feed(
            name="shops",
            columns={"week": "date32", "shop": "int32", "town": "string", "price": "float64"},
            keys=("week", "shop"),
        ),
        Feed(
            name="orders",
            columns={"week": "date32", "shop": "int32", "orders": "int32"},
            keys=("week", "shop"),
            missing_periods=frozenset({FIRST}),  # nothing had happened before
        ),
    ),
    keys=("week", "shop"),
    period="week",
    features={"town": "category", "price": "float64", "month": "int32", "weeks_ago": "float64"},
    label=Label("orders", meaning="how many orders the shop had in the week", label_delay_periods=1),
    task=Regression(objective="poisson", seasonal_feature="weeks_ago"),
    training=Training(
        window_periods=80,
        validation_periods=10,
        test_periods=10,
        gap_periods=1,
        min_train_periods=30,
        parameters={"learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20},
        num_boost_round=60,
        early_stopping_rounds=10,
    ),
    gates=(
        Gate("poisson_deviance", better_than="mean"),
        ChampionGate(margin=0.5, min_periods=5),
    ),
    monitoring=Monitoring(window_periods=8, min_periods=3),
    retraining=Retraining(breaches=1, of_periods=3, cool_down_periods=4, max_cool_down_periods=12),
    package="tests.weekly_use_case",
)
