"""Hold rows of features with the label history, to read labels as of any day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.period import Period, Unit
from include.model.arrays import Numbers
from include.model.period_arrays import Starts, to_start, to_step


@dataclass(frozen=True)
class LabelHistory:
    """Hold rows in order of day and keys, and labels in the order they became known."""

    rows: pa.Table
    """`period`, keys and features."""
    place: npt.NDArray[np.int64]
    """The index of the row of each label."""
    known: Starts
    """The day on which each label became known, ascending."""
    label: Numbers
    """The encoded label, or NaN if it was withdrawn."""

    @classmethod
    def from_rows(
        cls, rows: pa.Table, place: pa.ChunkedArray, known: pa.ChunkedArray, label: pa.ChunkedArray
    ) -> LabelHistory:
        """Build it from the rows, and each label with its row and known day, in any order."""
        labels = pa.table({"place": place, "known": known, "label": label})
        ordered = labels.sort_by([("known", "ascending"), ("place", "ascending")])
        values = pc.fill_null(ordered["label"].cast(pa.float64()), float("nan"))
        periods = ordered["known"].to_numpy()
        return cls(rows.combine_chunks(), ordered["place"].to_numpy(), periods, values.to_numpy())

    @property
    def periods(self) -> Starts:
        """Return the day of each row."""
        periods: Starts = self.rows["period"].to_numpy()
        return periods

    def span(self, first: Period, last: Period) -> slice:
        """Return the slice of the rows from `first` to `last`, both included."""
        periods = self.periods
        start = int(np.searchsorted(periods, to_start(first)))
        return slice(start, int(np.searchsorted(periods, to_start(last), side="right")))

    def labels(self, period: Period) -> Numbers:
        """Return the label of every row as known when `period` began; NaN if unknown."""
        end = int(np.searchsorted(self.known, to_start(period), side="right"))
        return self._labels_of_rows(np.arange(end))

    def matured(self, periods: int, unit: Unit) -> Numbers:
        """Return each row's label as known `days` after its day; NaN if unknown."""
        return self._labels_of_rows(np.flatnonzero(self.known <= self.periods[self.place] + to_step(unit, periods)))

    def _labels_of_rows(self, chosen: npt.NDArray[np.int64]) -> Numbers:
        labels = np.full(self.rows.num_rows, np.nan)
        labels[self.place[chosen]] = self.label[chosen]  # of several labels of one row, the last one is kept
        return labels
