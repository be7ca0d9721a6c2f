"""Load the training data of a recipe at their recorded Delta versions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from include.declaration.period import Period, period_range
from include.errors import AirworthyError
from include.lake import integrity
from include.lake.history import TableVersionMissingError
from include.lake.lake import Lake
from include.lake.snapshot import AsOfSnapshot
from include.training.recipe import TrainingSpec

_FEW = 5
"""Largest number of days that a message lists one by one."""


class TrainingDataMissingError(AirworthyError):
    """The training data of a model are in no version of the lake's tables any more."""


@dataclass(frozen=True)
class TrainingSnapshot:
    """A view of exactly the content that was read, and its changes since.

    The changes are sentences.
    """

    view: AsOfSnapshot
    notes: tuple[str, ...]


def load_training_snapshot(lake: Lake, known: TrainingSpec) -> TrainingSnapshot:
    """Return a view of the features and labels of a recipe; change no table.

    Raises:
        TrainingDataMissingError: neither the recorded Delta version nor today's has all of them.
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
            notes.append(f"{table} at Delta version {then}: {wrong}; equal content was read from today's version")
        else:
            gone.append(f"{table} at Delta version {then}: {wrong}; today's version: {wrong_today}")
    if gone:
        raise TrainingDataMissingError(f"{lake.use_case.name}: the data are gone. {'. '.join(gone)}.")
    return TrainingSnapshot(lake.at_versions(known.as_of, versions), tuple(notes))


def _wrong(lake: Lake, known: TrainingSpec, table: str, version: int | None) -> str:
    """Return why the table lacks the recipe's content; empty if it has it."""
    since, until = _span(known, table)
    try:
        view = lake.at_versions(known.as_of, {table: version})
    except TableVersionMissingError as error:
        return str(error).rstrip(".")
    digest = view.digest_of_periods(table, since, until)
    if digest != known.data[f"{table}.digest"]:
        return f"its content is other ({digest}, not {known.data[f'{table}.digest']})"
    return _by_reason(integrity.broken_periods(view, table, since, until))


def _changed(lake: Lake, known: TrainingSpec, table: str, then: int) -> list[str]:
    """Return a sentence with the days that changed since the version."""
    since, until = _span(known, table)
    try:
        now = lake.at_versions(known.as_of, {table: None}).partitions(table, since, until)
    except TableVersionMissingError as error:  # the log was cut after the version that was read
        return [str(error)]
    before = lake.at_versions(known.as_of, {table: then}).partitions(table, since, until)
    periods = [period for period in period_range(since, until) if before.get(period) != now.get(period)]
    return (
        [f"{table} of {_named(periods)} changed since; read at Delta version {then}, as they were"] if periods else []
    )


def _span(known: TrainingSpec, table: str) -> tuple[Period, Period]:
    """Return the first and last day that was read of a table."""
    return (known.first, known.last) if table == "features" else (known.labels_since, known.as_of)


def _by_reason(broken: dict[Period, str]) -> str:
    return "; ".join(
        f"of {_named([period for period, day_reason in broken.items() if day_reason == reason])} {reason}"
        for reason in dict.fromkeys(broken.values())
    )


def _named(periods: Collection[Period]) -> str:
    """Return the days as text; of many only their number, the first and the last."""
    names = [str(period) for period in sorted(periods)]
    return (
        ", ".join(names)
        if len(names) <= _FEW
        else f"{next(iter(periods)).unit.counted(len(names))} from {names[0]} to {names[-1]}"
    )
