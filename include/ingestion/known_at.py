"""Refuse delivered rows that became known after their day's decision time."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feeds import Feed
from include.declaration.period import Period
from include.errors import DataError
from include.lake import schemas
from include.lake.storable_values import row_text


class KnownTooLateError(DataError):
    """A delivery has rows that became known too late, or without a time.

    Too late is after its decision time.
    """

    def __init__(self, use_case: str, feed: str, period: Period, column: str, count: int, reason: str) -> None:
        self.use_case, self.feed, self.period, self.column, self.rows = use_case, feed, period, column, count
        super().__init__(
            f"{use_case}: feed {feed!r} of {period} delivers {count:,} row{'s' if count > 1 else ''} {reason}."
            " Nothing was written, because features built from them would use the future. Deliver each row on the first"
            f" period that begins after the row's {column!r}, or correct the feed's known_at."
        )


def require_known_in_time(
    use_case: DataDeclaration, feed: Feed, period: Period, rows: pa.Table | pa.RecordBatch
) -> None:
    """Check that each delivered row of a feed and day was known by the decision time.

    A timestamp in the column `known_at` must not be after the decision time of `period`. A date must be before
    `period`, because the row became known during that date. Rows with undeclared columns or types are not checked here:
    the lake refuses them.

    Raises:
        KnownTooLateError: a row became known later, or its value is null.
    """
    column = feed.known_at
    if column is None or column not in rows.schema.names:
        return
    kind = schemas.arrow_type(feed.columns[column])
    if rows.schema.names.count(column) > 1 or rows.schema.field(column).type != kind:
        return
    if pa.types.is_date32(kind):
        latest, late = f"the beginning of {period}", pc.greater_equal(rows[column], pa.scalar(period.start_date, kind))
    else:
        begins = use_case.decision_time(period)
        latest, late = (
            f"the beginning of {period} ({begins.isoformat()})",
            pc.greater(rows[column], pa.scalar(begins, kind)),
        )
    for refused, reason in (
        (pc.is_null(rows[column]), f"without a {column!r}"),
        (pc.fill_null(late, False), f"known, by {column!r}, only after {latest}"),
    ):
        count = pc.sum(refused).as_py() or 0
        if count:
            names = [name for name in dict.fromkeys([*feed.keys, column]) if name in rows.schema.names]
            first = rows.filter(refused).select(names).slice(0, 1)
            first = first.combine_chunks().to_batches()[0] if isinstance(first, pa.Table) else first
            shown = row_text(first, 0, names, use_case.personal_columns)
            raise KnownTooLateError(use_case.name, feed.name, period, column, count, f"{reason}; the first is {shown}")
