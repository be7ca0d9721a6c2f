"""A synthetic use case of any size: events of customers, and whether they failed.

What became known is known on the next day. Its features are trailing sums of each customer.
"""

from __future__ import annotations

from dataclasses import replace

from include.use_case import Feed, Gate, Period, UseCase
from tests.toy_use_case import USE_CASE as TOY

LOOK_BACK = 7
FIRST = Period("2020-01-01")
COLUMNS = {
    "event_date": "date32",
    "id": "int64",
    "customer": "int32",
    "kind": "string",
    "cents": "int64",
    "size": "float64",
}
USE_CASE: UseCase = replace(
    TOY,
    name="synthetic",
    feeds=(
        Feed(name="events", columns=COLUMNS, keys=("event_date", "id")),
        Feed(
            name="outcomes",
            columns={"event_date": "date32", "id": "int64", "failed": "int8"},
            keys=("event_date", "id"),
            missing_periods=frozenset({FIRST}),
        ),
    ),
    features={
        "kind": "category",
        "size": "float64",
        "cents": "int64",
        "count": "int64",
        "amount": "int64",
        "largest": "int64",
    },
    look_back_periods=LOOK_BACK,
    training=replace(
        TOY.training, window_periods=8, min_train_periods=2, validation_periods=1, test_periods=1, gap_periods=0
    ),
    gates=(Gate("log_loss", at_most=5.0),),
    package="benchmarks.synthetic",
)
