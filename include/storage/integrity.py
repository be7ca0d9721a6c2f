"""Integrity: whether the files of a day still hold the content that the table's log says they do."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from include.logic import digests
from include.storage import schemas
from include.storage.lake import View

GONE = "a file is gone (vacuumed, or lost)"


def broken_days(view: View, table: str, since: date, until: date) -> dict[date, str]:
    """Day to what is wrong with it, of those days whose content cannot be read as it was written; a day at a time."""
    found = {}
    for day, partition in view.partitions(table, since, until).items():
        try:
            digest = _content(view, table, day)
        except FileNotFoundError:
            found[day] = GONE
        except (OSError, pa.ArrowException, KeyError) as error:
            found[day] = f"a file cannot be read: {str(error).splitlines()[0]}"
        else:
            if digest != partition.digest:
                found[day] = f"holds other rows than were written: {digest}, not {partition.digest}"
    return found


def _content(view: View, table: str, day: date) -> str:
    """Digest of the rows that the files of a day hold now."""
    names = schemas.content(view.lake.use_case, table).names
    rows = view.read(table, day, day, order_by=schemas.keys(view.lake.use_case, table))
    return digests.of_table(rows.select(names).combine_chunks())
