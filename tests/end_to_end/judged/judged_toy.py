"""The toy use case with a gate for each way in which the scheduler's tasks can differ from a test's process."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import LeakageGate, ServingGate
from tests.integration.use_cases.quick_toy import USE_CASE as QUICK

USE_CASE = replace(
    QUICK,
    name="judged_toy",
    training=replace(QUICK.training, min_train_days=7),
    gates=(*QUICK.gates, LeakageGate(days=7), ServingGate(at_most_microseconds=1e6, at_most_megabytes=100)),
)
