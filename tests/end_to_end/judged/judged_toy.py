"""The toy use case with a short training and a leakage gate, which rebuilds days in a separate lake."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import LeakageGate
from tests.integration.use_cases.quick_toy import USE_CASE as QUICK

USE_CASE = replace(
    QUICK,
    name="judged_toy",
    training=replace(QUICK.training, min_train_periods=7),
    gates=(*QUICK.gates, LeakageGate(periods=7)),
)
