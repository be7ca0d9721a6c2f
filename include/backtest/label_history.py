"""The past: every row of features of some days, and when each label became known, so that any day can be today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.model.arrays import Numbers

Days = npt.NDArray[np.datetime64]


@dataclass(frozen=True)
class LabelHistory:
    """Rows in order of day and keys. Labels are told one by one, in the order in which they became known."""

    rows: pa.Table
    """`day`, keys and features."""
    place: npt.NDArray[np.int64]
    """Of each label that became known: the row it belongs to."""
    known: Days
    """The day on which it did, never falling."""
    label: Numbers
    """0, 1, or NaN where it was taken back."""

    @classmethod
    def of(cls, rows: pa.Table, place: pa.ChunkedArray, known: pa.ChunkedArray, label: pa.ChunkedArray) -> LabelHistory:
        """Make it from the rows and, of each label in any order, the row's place, the day it became known, and it."""
        told = pa.table({"place": place, "known": known, "label": label})
        ordered = told.sort_by([("known", "ascending"), ("place", "ascending")])
        values = pc.fill_null(ordered["label"].cast(pa.float64()), float("nan"))
        days = ordered["known"].to_numpy().astype("datetime64[D]")
        return cls(rows.combine_chunks(), ordered["place"].to_numpy(), days, values.to_numpy())

    @property
    def days(self) -> Days:
        """The day of each row."""
        found: Days = self.rows["day"].to_numpy().astype("datetime64[D]")
        return found

    def span(self, first: date, last: date) -> slice:
        """Where the rows of those days stand, both included."""
        days = self.days
        start = int(np.searchsorted(days, np.datetime64(first)))
        return slice(start, int(np.searchsorted(days, np.datetime64(last), side="right")))

    def labels(self, day: date) -> Numbers:
        """The label of every row as it was known when `day` began; NaN where it was not."""
        end = int(np.searchsorted(self.known, np.datetime64(day), side="right"))
        return self._told(np.arange(end))

    def matured(self, days: int) -> Numbers:
        """The label of every row as it was known so many days after its own; NaN where it was not."""
        return self._told(np.flatnonzero(self.known <= self.days[self.place] + np.timedelta64(days, "D")))

    def _told(self, chosen: npt.NDArray[np.int64]) -> Numbers:
        found = np.full(self.rows.num_rows, np.nan)
        found[self.place[chosen]] = self.label[chosen]  # of several labels of one row the last one stays
        return found
