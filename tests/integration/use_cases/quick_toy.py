"""The toy use case with short splits and wide gates, so that a few days make a champion.

It ends before today: on the day of the week on which trainings are due, no scheduled one comes between.
"""

from __future__ import annotations

from dataclasses import replace

from include.declaration.period import Period
from include.use_case import Gate
from tests import toy_use_case

_TRAINING = replace(
    toy_use_case.USE_CASE.training,
    window_periods=12,
    min_train_periods=2,
    validation_periods=1,
    test_periods=1,
    gap_periods=0,
    num_boost_round=10,
    early_stopping_rounds=5,
)
USE_CASE = replace(
    toy_use_case.USE_CASE,
    name="quick_toy",
    package="tests.toy_use_case",
    last_period=Period("2020-12-31"),
    training=_TRAINING,
    gates=(Gate("log_loss", at_most=5.0),),
)
