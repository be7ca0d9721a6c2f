"""Five classes for tests: the grades of 120 parts a day, whose probabilities are known (see source.py)."""

from __future__ import annotations

from include.use_case import (
    ChampionGate,
    Feed,
    Gate,
    Label,
    Multiclass,
    Period,
    RobustnessGate,
    ServingGate,
    SliceGate,
    Training,
    UseCase,
)

USE_CASE = UseCase(
    name="grades",
    objective="Sort the parts before they are inspected.",
    owner="tests",
    time_zone="UTC",
    first_period=Period("2020-01-01"),
    look_back_periods=2,
    feeds=(
        Feed(
            name="parts",
            columns={"on": "date32", "part": "int32", "machine": "string", "heat": "float64"},
            keys=("on", "part"),
        ),
        Feed(
            name="inspections",
            columns={"on": "date32", "part": "int32", "grade": "string"},
            keys=("on", "part"),
            missing_periods=frozenset({Period("2020-01-01")}),  # nothing was inspected before
        ),
    ),
    keys=("on", "part"),
    period="on",
    features={"machine": "category", "heat": "float64"},
    label=Label("grade", meaning="the grade that the inspection gave", label_delay_periods=1),
    task=Multiclass(classes=("best", "good", "fair", "poor", "scrap")),
    training=Training(
        window_periods=60,
        validation_periods=7,
        test_periods=7,
        gap_periods=1,
        min_train_periods=10,
        parameters={"learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 20},
        num_boost_round=60,
        early_stopping_rounds=10,
    ),
    gates=(
        Gate("log_loss", better_than="prior"),
        Gate("macro_f1", at_least=0.3),
        ChampionGate(margin=0.3, min_periods=5),
        SliceGate("machine", "log_loss", max_degradation=1.0, min_rows=50),
        RobustnessGate(at_most=1.0),
        ServingGate(at_most_microseconds=10_000, at_most_megabytes=5),
    ),
    package="tests.grades_use_case",
)
