"""The toy use case with a recipient of alerts and very short deadlines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from include.declaration.monitoring import Alerts
from tests import toy_use_case

USE_CASE = replace(
    toy_use_case.USE_CASE,
    name="nervous",
    package="tests.toy_use_case",
    alerts=Alerts(email_to=("night@example.org",), deadline=timedelta(seconds=15)),
)
