"""The toy use case under the name `repairs`, with the features of the group `kind_quality`."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import Use
from tests.toy_use_case import USE_CASE as TOY

USE_CASE = replace(
    TOY,
    name="repairs",
    look_back_periods=1,
    feature_groups=(Use("kind_quality", on=("kind",), features=("recent_defects",), prefix="kind_"),),
)
