"""The shipped use case with short splits and wide gates, so that two weeks of flights make a champion."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from include.use_case import Approval, Gate
from include.use_cases import flight_delays

_TRAINING = replace(
    flight_delays.USE_CASE.training,
    window_periods=12,
    min_train_periods=4,
    validation_periods=2,
    test_periods=2,
    gap_periods=1,
    num_boost_round=20,
    early_stopping_rounds=5,
)
USE_CASE = replace(
    flight_delays.USE_CASE,
    name="quick_flights",
    package="include.use_cases.flight_delays",
    training=_TRAINING,
    gates=(Gate("log_loss", at_most=5.0),),
    approval=Approval(wait=timedelta(seconds=40)),
)
