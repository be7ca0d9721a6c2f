"""Read the table `metrics` of many days by metric, subject or day."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.calendars import Calendar
from include.declaration.period import Period
from include.model.period_arrays import Starts, to_start, to_starts


class MetricValue(NamedTuple):
    """Hold one row of the table."""

    period: Period
    """The day on which it became known."""
    metric: str
    subject: str
    value: float | None
    lower: float | None
    upper: float | None
    limit: float | None
    breached: bool | None
    """None: not judged."""
    model_version: str | None
    measured_period: Period
    periods: int
    missing_reason: str
    """Why there is no value, or why it is not judged."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> MetricValue:
        """Return the value of a row as plain values; what it lacks is None."""
        values: dict[str, Any] = {name: row.get(name) for name in cls._fields}
        return cls(**values)


@dataclass(frozen=True)
class MetricMatrix:
    """Hold the values of one metric by subject and day; NaN if missing."""

    subjects: tuple[str, ...]
    periods: tuple[Period, ...]
    values: npt.NDArray[np.float64]
    """Shape (subjects, days)."""


@dataclass(frozen=True)
class MetricTable:
    """Query rows of `metrics`, an Arrow table with the column `period`."""

    rows: pa.Table
    calendar: Calendar
    _names: dict[str, list[str]] = field(init=False, repr=False)
    _codes: dict[str, npt.NDArray[np.int32]] = field(init=False, repr=False)
    _made: dict[date, Period] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        # Taking rows from a table of hundreds of chunks costs milliseconds each time.
        object.__setattr__(self, "rows", self.rows.combine_chunks())
        names, codes = {}, {}
        for column in ("metric", "subject"):
            encoded = self.rows[column].combine_chunks().dictionary_encode()
            names[column] = encoded.dictionary.to_pylist()
            codes[column] = encoded.indices.to_numpy(zero_copy_only=False)
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_codes", codes)

    @property
    def periods(self) -> tuple[Period, ...]:
        """Return the measured days, in order."""
        return tuple(self.calendar.periods_of(sorted(pc.unique(self.rows["period"]).to_pylist())))

    def rows_of(self, metric: str, subject: str | None = None) -> list[MetricValue]:
        """Return the rows of a metric (and subject), in order of days."""
        return self._listed(self._where(metric, subject))

    def of_metric(self, metric: str) -> MetricTable:
        """Return a table of the rows of one metric."""
        return MetricTable(self.rows.take(self._where(metric, None)), self.calendar)

    def rows_on(self, period: Period) -> list[MetricValue]:
        """Return all rows of one day."""
        return self._listed(np.flatnonzero(self._starts() == to_start(period)))

    def breached(self) -> list[MetricValue]:
        """Return every row that is a breach, newest day first."""
        return self._listed(np.flatnonzero(pc.fill_null(self.rows["breached"], False).to_numpy()))[::-1]

    def subjects(self, metric: str) -> list[str]:
        """Return the subjects of a metric, sorted."""
        codes = np.unique(self._codes["subject"][self._where(metric, None)])
        return sorted(self._names["subject"][code] for code in codes)

    def grid(
        self, metric: str, periods: Sequence[Period], column: Literal["value", "limit", "breached"] = "value"
    ) -> MetricMatrix:
        """Return the values of a metric for every subject and each of `periods`.

        Or those of another column.
        """
        chosen, subjects = self._where(metric, None), self.subjects(metric)
        row_of = {name: number for number, name in enumerate(subjects)}
        place = np.array([row_of.get(name, -1) for name in self._names["subject"]], dtype=np.int64)
        starts = to_starts(periods)
        values = np.full((len(subjects), len(starts)), np.nan)
        if len(chosen) and len(starts):
            at = np.searchsorted(starts, self._starts()[chosen]).clip(max=len(starts) - 1)
            known = starts[at] == self._starts()[chosen]
            measured = self.rows[column].take(chosen).cast(pa.float64()).to_numpy()
            values[place[self._codes["subject"][chosen]][known], at[known]] = measured[known]
        return MetricMatrix(tuple(subjects), tuple(periods), values)

    def _where(self, metric: str, subject: str | None) -> npt.NDArray[np.int64]:
        chosen = self._is("metric", metric)
        if subject is not None:
            chosen = chosen & self._is("subject", subject)
        return np.flatnonzero(chosen)

    def _is(self, column: str, name: str) -> npt.NDArray[np.bool_]:
        code = self._names[column].index(name) if name in self._names[column] else -1
        matches: npt.NDArray[np.bool_] = self._codes[column] == code
        return matches

    def _starts(self) -> Starts:
        starts: Starts = self.rows["period"].to_numpy()
        return starts

    def _period(self, start: date) -> Period:
        """Return the period of a stored value; each is made once."""
        if (period := self._made.get(start)) is None:
            period = self._made[start] = self.calendar.period_of(start)
        return period

    def _listed(self, chosen: npt.NDArray[np.int64]) -> list[MetricValue]:
        taken = self.rows.select(MetricValue._fields).take(chosen)
        columns = {name: taken[name].to_pylist() for name in MetricValue._fields}
        columns["period"] = list(map(self._period, columns["period"]))
        columns["measured_period"] = [
            self._period(measured_period) if measured_period else period
            for measured_period, period in zip(columns["measured_period"], columns["period"], strict=True)
        ]
        columns["periods"] = [periods or 1 for periods in columns["periods"]]
        columns["missing_reason"] = [missing_reason or "" for missing_reason in columns["missing_reason"]]
        return list(map(MetricValue._make, zip(*columns.values(), strict=True)))


def measured_stretches(periods: Sequence[Period]) -> list[tuple[Period, Period]]:
    """Return the first and last day of each gapless stretch of ordered days."""
    stretches: list[tuple[Period, Period]] = []
    for period in periods:
        if stretches and period == stretches[-1][1] + 1:
            stretches[-1] = (stretches[-1][0], period)
        else:
            stretches.append((period, period))
    return stretches


def measuring_gaps(periods: Sequence[Period]) -> list[tuple[Period, Period]]:
    """Return the first and last day of each gap in `days`, which are in order."""
    whole = measured_stretches(periods)
    return [(before[1] + 1, after[0] - 1) for before, after in itertools.pairwise(whole)]
