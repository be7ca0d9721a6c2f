"""Recall: the data that a recipe names, as they were read then; or where the same content stands today."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from include.errors import AirworthyError
from include.lake import integrity
from include.lake.history import TableVersionMissingError
from include.lake.lake import Lake
from include.lake.partitions import days_from
from include.lake.snapshot import AsOfSnapshot
from include.training.recipe import TrainingSpec

_FEW = 5
"""Days that a message names one by one."""


class TrainingDataMissingError(AirworthyError):
    """What a model was trained on is not in the lake any more, in no version of its tables."""


@dataclass(frozen=True)
class TrainingSnapshot:
    """A view of exactly the content that was read, and what became of it since, in words."""

    view: AsOfSnapshot
    notes: tuple[str, ...]


def load_training_snapshot(lake: Lake, known: TrainingSpec) -> TrainingSnapshot:
    """Find the features and labels of a recipe; makes and changes no table.

    Raises TrainingDataMissingError where neither the recorded Delta version nor today's holds them whole.
    """
    versions: dict[str, int | None] = {}
    notes, gone = [], []
    for table, then in known.versions.items():
        wrong = _wrong(lake, known, table, then)
        wrong_today = _wrong(lake, known, table, None) if wrong else ""
        versions[table] = None if wrong else then
        if not wrong:
            notes.extend(_changed(lake, known, table, then))
        elif not wrong_today:
            notes.append(f"{table} at Delta version {then}: {wrong}; the same content was read as it stands today")
        else:
            gone.append(f"{table} at Delta version {then}: {wrong}; as they stand today: {wrong_today}")
    if gone:
        raise TrainingDataMissingError(f"{lake.use_case.name}: the data are gone. {'. '.join(gone)}.")
    return TrainingSnapshot(lake.pinned(known.as_of, versions), tuple(notes))


def _wrong(lake: Lake, known: TrainingSpec, table: str, version: int | None) -> str:
    """Why the table does not hold, at that version, what the recipe names; empty where it does, to the last row."""
    since, until = _span(known, table)
    try:
        view = lake.pinned(known.as_of, {table: version})
    except TableVersionMissingError as error:
        return str(error).rstrip(".")
    digest = view.digest_of_periods(table, since, until)
    if digest != known.data[f"{table}.digest"]:
        return f"other content stands there ({digest}, not {known.data[f'{table}.digest']})"
    return _by_reason(integrity.broken_days(view, table, since, until))


def _changed(lake: Lake, known: TrainingSpec, table: str, then: int) -> list[str]:
    """The days whose content is another today than at the recorded version."""
    since, until = _span(known, table)
    try:
        now = lake.pinned(known.as_of, {table: None}).partitions(table, since, until)
    except TableVersionMissingError as error:  # the log was cut after the version that was read
        return [str(error)]
    before = lake.pinned(known.as_of, {table: then}).partitions(table, since, until)
    days = [day for day in days_from(since, until) if before.get(day) != now.get(day)]
    return [f"{table} of {_named(days)} changed since; read at Delta version {then}, as they were"] if days else []


def _span(known: TrainingSpec, table: str) -> tuple[date, date]:
    """First and last day that was read: labels of the window become known until the day of the training."""
    return known.first, known.last if table == "features" else known.as_of


def _by_reason(broken: dict[date, str]) -> str:
    return "; ".join(
        f"of {_named([day for day, each in broken.items() if each == reason])} {reason}"
        for reason in dict.fromkeys(broken.values())
    )


def _named(days: Collection[date]) -> str:
    """All of a few; of many the first, how many, and the last."""
    found = [str(day) for day in sorted(days)]
    return ", ".join(found) if len(found) <= _FEW else f"{len(found)} days from {found[0]} to {found[-1]}"
