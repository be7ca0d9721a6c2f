"""Label: the labels that became known on a day, into that day's partition."""

from __future__ import annotations

from datetime import date

from include.stages import derive
from include.storage.lake import Commit
from include.storage.view import View
from include.use_case import UseCase


def run(use_case: UseCase, view: View, since: date) -> Commit:
    """Write the labels that became known on the view's day, from the clean rows of `since` to that day."""
    return derive.write(use_case, "labels", "labels", view, since)
