"""The toy use case with a policy so eager that a fortnight of breaches spends its budget."""

from __future__ import annotations

from dataclasses import replace

from include.declaration.monitoring import Retraining
from tests import toy_use_case

USE_CASE = replace(
    toy_use_case.USE_CASE,
    retraining=Retraining(breaches=2, of_days=3, cool_down_days=3, longest_cool_down_days=6, per_month=2),
)
