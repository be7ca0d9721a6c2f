"""A use case unlike flights: churn of the customers of a shop in Cairo.

A row is a customer; no key holds a date. The shop is closed on Sundays: no row is scored then, and the day after
delivers no visits. A label is about one past period, becomes known after three days and may be corrected later.
"""

from __future__ import annotations

from include.use_case import (
    PARTITION,
    Binary,
    DecisionCosts,
    Feed,
    Gate,
    Label,
    Monitoring,
    PerformanceLimit,
    Period,
    Training,
    UseCase,
)

FIRST_DAY = Period("2025-03-03")
"""A Monday. In Cairo, 25 April 2025 has no midnight, and lasts 23 hours."""
MATURES_AFTER_DAYS, CORRECTED_AFTER_DAYS = 3, 8
SUNDAY, MONDAY, WEDNESDAY = 6, 0, 2
_DAYS = [FIRST_DAY + number for number in range(3 * 366)]


def _each(weekday: int) -> frozenset[Period]:
    return frozenset(period for period in _DAYS if period.start_date.weekday() == weekday)


USE_CASE = UseCase(
    name="churn",
    objective="Call customers who are about to be lost.",
    owner="tests",
    time_zone="Africa/Cairo",
    first_period=FIRST_DAY,
    look_back_periods=14,
    feeds=(
        Feed(
            name="visits",
            columns={
                "visit_id": "int64",
                "customer_id": "int64",
                "visited_on": "date32",
                "channel": "string",
                "amount": "float64",
                "items": "int32",
                "voucher": "int64",
                "paid by card": "bool",
                "known_at": "timestamp",
            },
            keys=("visit_id",),
            known_at="known_at",
            missing_periods=_each(MONDAY),  # what happened on Sunday: nothing
        ),
        Feed(
            name="customers",
            columns={
                "customer_id": "int64",
                "since": "date32",
                "plan name": "string",
                "place": "string",
                "âge": "int8",
            },
            keys=("customer_id",),
            missing_periods=_each(SUNDAY),
        ),
        Feed(
            name="outcomes",
            columns={"customer_id": "int64", "scored_on": "date32", "lost": "int8", "known_at": "timestamp"},
            keys=("scored_on", "customer_id"),
            known_at="known_at",
            # Three days after a Sunday there is nothing to tell; nor had anything happened before the first day.
            missing_periods=_each(WEDNESDAY) | {FIRST_DAY, FIRST_DAY + 1},
        ),
    ),
    keys=("customer_id",),
    period=PARTITION,
    features={
        "plan_name": "category",
        "place": "category",
        "âge": "int8",
        "rows": "int64",
        "items_14d": "int32",
        "amount_14d": "float64",
        "probability": "float64",
        "newest_voucher": "bool",
    },
    label=Label("lost", meaning="the customer was lost", label_delay_periods=MATURES_AFTER_DAYS),
    task=Binary(costs=DecisionCosts(false_negative=20, false_positive=1, unit="calls")),
    training=Training(
        window_periods=60,
        validation_periods=7,
        test_periods=7,
        gap_periods=1,
        min_train_periods=14,
        parameters={"learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 40},
        num_boost_round=60,
        early_stopping_rounds=10,
        baseline_features=("rows", "amount_14d"),
    ),
    gates=(Gate("log_loss", better_than="prior"), Gate("average_precision", at_least=0.06)),
    monitoring=Monitoring(min_periods=5, performance=(PerformanceLimit("log_loss", max_degradation=0.05),)),
    notice="These customers are invented.",
    package="tests.customers_use_case",
)
