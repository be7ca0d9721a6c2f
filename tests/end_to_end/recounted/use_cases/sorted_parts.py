"""The quick toy use case with the features of the group `kind_counts`."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import Use
from tests.integration.use_cases.quick_toy import USE_CASE as QUICK

USE_CASE = replace(QUICK, name="sorted_parts", look_back_periods=1, feature_groups=(Use("kind_counts", on=("kind",)),))
