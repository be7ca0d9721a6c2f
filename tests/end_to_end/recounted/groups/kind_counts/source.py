"""Deliver the inspections of a day, with one more defect each after a recount."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from include.use_case import Period, downloads_folder
from tests.sharing.feature_groups.kind_quality import source

RECOUNTED = "recounted"
"""The file that says that the inspections were counted again."""


def inspections(period: Period) -> pa.Table:
    """The inspections of `period`, known at its start."""
    rows = source.inspections(period)
    if not (downloads_folder() / RECOUNTED).exists():
        return rows
    return rows.set_column(2, "defects", pc.add(rows["defects"], pa.scalar(1, pa.int32())))
