"""A use case whose source needs every kind of secret and is refused with each."""

from __future__ import annotations

from dataclasses import replace

from tests import toy_use_case

USE_CASE = replace(
    toy_use_case.USE_CASE, name="guarded", package="tests.end_to_end.alerted.guarded", look_back_periods=0
)
