"""Label: the labels that became known on a day, into that day's partition."""

from __future__ import annotations

from datetime import date

from include.stages import derive
from include.storage.lake import Commit
from include.use_case import UseCase


def run(use_case: UseCase, day: date) -> Commit:
    """Write the labels that became known on `day`, from the clean rows of that day alone."""
    return derive.write(use_case, "labels", "labels", day, since=day)
