"""Care of a table: its files made fewer, its log quick to open; no content, and no old version, is changed by it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from deltalake import WriterProperties
from deltalake.exceptions import CommitFailedError

from include.errors import AirworthyError
from include.storage import history, integrity, s3
from include.storage.lake import Lake

TARGET_BYTES = 100 * 2**20
"""Files are not joined beyond this: deltalake's own default."""


class CompactionWrong(AirworthyError):
    """A day does not hold, after its files were joined, what it held before."""

    def __init__(self, lake: Lake, table: str, version: int, broken: dict[date, str]) -> None:
        super().__init__(
            f"{lake.uri(table)}: joining the files of a day has changed its content: {broken}. Delta version {version}"
            " still has it whole. Restore the table to that version, report this, and run no maintenance until then."
        )


def compact(lake: Lake, table: str, days: Collection[date]) -> list[str]:
    """Join the files of each of these days, in one commit; what was not done, in words.

    Not done while somebody writes one of the days: the next maintenance comes to it. Nor of a day whose content cannot
    be compared, being damaged or built under other columns. Rows keep no particular order in the file; every reader
    that needs one asks for it. Raises CompactionWrong.
    """
    uri = lake.uri(table)
    delta = history.at(uri)
    before = delta.version()
    unlike = _broken(lake, table, before, days)
    left = [f"{table} of {day}: its files are not joined, for {what}." for day, what in unlike.items()]
    if not (whole := sorted(set(days) - unlike.keys())):
        return left
    with s3.told(uri):
        try:
            delta.optimize.compact(
                partition_filters=[("day", "in", [day.isoformat() for day in whole])],
                target_size=TARGET_BYTES,
                max_concurrent_tasks=2,
                writer_properties=WriterProperties(compression="SNAPPY"),  # as all other files have it
            )
        except CommitFailedError:
            return [*left, f"{table}: somebody wrote a day whose files were to be joined; next time."]
    if broken := _broken(lake, table, delta.version(), whole):
        raise CompactionWrong(lake, table, before, broken)
    return left


def _broken(lake: Lake, table: str, version: int, days: Collection[date]) -> dict[date, str]:
    view, found = lake.pinned(max(days), {table: version}), dict[date, str]()
    for day in sorted(days):
        found |= integrity.broken_days(view, table, day, day)
    return found


def checkpoint(lake: Lake, table: str) -> None:
    """Write the state of the table beside its log, so that opening it reads one file and not every commit.

    Only for a table whose log clean-up is off, or old versions would go.
    """
    uri = lake.uri(table)
    with s3.told(uri):
        history.at(uri).create_checkpoint()
