"""The toy use case with a policy so sensitive that two weeks of breaches use up its budget.

It ends before today: on the day of the week on which trainings are due, no scheduled one comes between.
"""

from __future__ import annotations

from dataclasses import replace

from include.declaration.monitoring import Retraining
from include.declaration.period import Period
from tests import toy_use_case

USE_CASE = replace(
    toy_use_case.USE_CASE,
    last_period=Period("2020-12-31"),
    retraining=Retraining(breaches=2, of_periods=3, cool_down_periods=3, max_cool_down_periods=6, per_month=2),
)
