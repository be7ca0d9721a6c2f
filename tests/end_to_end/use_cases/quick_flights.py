"""The shipped use case with splits so short, and a gate so wide, that two weeks of flights make a champion."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from include.use_case import Approval, Gate
from include.use_cases import flight_delays

_TRAINING = replace(
    flight_delays.USE_CASE.training,
    window_days=12,
    min_train_days=4,
    validation_days=2,
    test_days=2,
    gap_days=1,
    rounds=20,
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
