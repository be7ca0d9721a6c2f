"""Write the labels that became known on a day into that day's partition."""

from __future__ import annotations

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.features import materialize
from include.lake.snapshot import AsOfSnapshot
from include.lake.table_commit import Commit


def build_labels(use_case: UseCase, view: AsOfSnapshot, since: Period) -> Commit:
    """Write the labels that became known on the view's day.

    They are built from the clean rows of `since` to that day.
    """
    return materialize.materialize(use_case, "labels", "labels", view, since)
