"""Find the days whose files were changed or damaged after they were written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from include.declaration.period import Period
from include.errors import MADE_BY, AirworthyError
from include.lake import file_checksum
from include.lake.file_signature import FORGED

if TYPE_CHECKING:
    from include.lake.snapshot import AsOfSnapshot


OTHER_PERIOD = "the table's log assigns a file of another period to it"


class PartitionCorruptedError(AirworthyError):
    """The files of a day are missing, changed or damaged."""

    def __init__(self, use_case: str, table: str, period: Period, damage: str) -> None:
        self.use_case, self.table, self.period, self.damage = use_case, table, period, damage
        kind = table.partition("/")[0]
        dag = MADE_BY.get(kind, "data" if kind in ("raw", "checked", "labels") else "")
        remedy = (
            f"Run {use_case}__{dag} for {period} again: it rewrites the damaged partitions and commits nothing else."
            if dag and kind != "decisions"
            else f"Restore the table's folder {table}, with its log, from a backup."
        )
        super().__init__(f"{use_case}: {table} of {period} is damaged: {damage}. Nothing was made from it. {remedy}")


def broken_periods(view: AsOfSnapshot, table: str, since: Period, until: Period) -> dict[Period, str]:
    """Return the damaged days with their damage."""
    return {period: damage for period, damage in damaged_periods(view, table, since, until) if damage}


def damaged_periods(view: AsOfSnapshot, table: str, since: Period, until: Period) -> Iterator[tuple[Period, str]]:
    """Yield each day of the table with what is wrong with its files.

    Empty if nothing is.
    """
    moved = {
        period for period, place in view.storage_paths(table, since, until) if f"/period={period}/" not in place.uri
    }
    forged = view.forged_periods(table, since, until)
    for period, damage in _damaged_files(view, table, since, until):
        yield period, OTHER_PERIOD if period in moved else damage or (FORGED if period in forged else "")


def _damaged_files(view: AsOfSnapshot, table: str, since: Period, until: Period) -> Iterator[tuple[Period, str]]:
    try:
        files_of_periods = view.files(table, since, until)
    except FileNotFoundError:  # on S3, a file of one of the days is missing: check each day alone
        for period in view.partitions(table, since, until):
            yield period, _damage_of_period(view, table, period)
        return
    for period, files in groupby(files_of_periods, key=lambda file: file[0]):
        yield period, _damage([path for _, path in files])


def _damage_of_period(view: AsOfSnapshot, table: str, period: Period) -> str:
    try:
        return _damage([path for _, path in view.files(table, period, period)])
    except FileNotFoundError:
        return file_checksum.GONE


def _damage(paths: list[str]) -> str:
    """Return what is wrong with the first damaged file; empty if none is damaged."""
    for path in paths:
        try:
            damage = file_checksum.find_damage(path)
        except OSError as error:
            damage = f"a file cannot be read: {error}"
        if damage:
            return damage
    return ""
