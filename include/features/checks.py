"""Check the rows that a use case's functions return, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from include.use_case import PARTITION, UseCase

Check = Callable[[pa.RecordBatch], str]
"""Says what is wrong with a batch, as the end of a sentence that begins "features of <day> …"; empty if nothing is."""


def checks(use_case: UseCase, table: str, day: date) -> list[Check]:
    """Return what must hold of each batch of features or labels of `day`, in the order in which it is judged."""
    if table == "labels":
        return [_about_an_earlier_day(use_case, day)]
    return [] if use_case.period == PARTITION else [_about_the_day(use_case, day)]


def _about_the_day(use_case: UseCase, day: date) -> Check:
    """The key that holds the period is the day itself in every row of features."""
    period = use_case.period

    def wrong(batch: pa.RecordBatch) -> str:
        others = batch.filter(pc.fill_null(pc.not_equal(batch[period], pa.scalar(day)), True))
        return (
            f"have {others.num_rows} rows about another day: {period!r}, which is declared as the period, must be {day}"
            f" in each; the first is {_first(others, use_case.keys)}"
            if others.num_rows
            else ""
        )

    return wrong


def _about_an_earlier_day(use_case: UseCase, day: date) -> Check:
    """A label is about a day before the one on which it becomes known: at midnight, that day is all future."""
    period = use_case.label_period

    def wrong(batch: pa.RecordBatch) -> str:
        later = batch.filter(pc.fill_null(pc.greater_equal(batch[period], pa.scalar(day)), False))
        return (
            f"have {later.num_rows} rows about a day that has not come: {period!r} must be before {day}, at whose"
            f" beginning they are known; the first is {_first(later, use_case.label_keys)}"
            if later.num_rows
            else ""
        )

    return wrong


def _first(rows: pa.RecordBatch, columns: tuple[str, ...]) -> dict[str, object]:
    found: dict[str, object] = rows.select(list(columns)).slice(0, 1).to_pylist()[0]
    return {name: str(value) if isinstance(value, date) else value for name, value in found.items()}
