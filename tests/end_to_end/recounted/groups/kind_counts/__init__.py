"""The group `kind_quality` under another name, with a source whose inspections can be counted again."""

from __future__ import annotations

from dataclasses import replace

from include.use_case import Period
from tests.sharing.feature_groups.kind_quality import FEATURE_GROUP as KIND_QUALITY

FEATURE_GROUP = replace(
    KIND_QUALITY,
    name="kind_counts",
    package="tests.end_to_end.recounted.groups.kind_counts",
    last_period=Period("2020-12-31"),
)
