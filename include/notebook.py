"""Load a use case's tables into a notebook: `from include.notebook import load`.

Frames are read from the lake or, if it lacks a period, from the tables of `airworthy check`. Nothing is written.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

import pyarrow as pa

from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError, NotReadyError
from include.evaluation.check_use_case import kept_home
from include.lake import clone, schemas
from include.lake.lake import Lake
from include.model import splits
from include.monitoring import durations
from include.project import open_project
from include.training import dataset

FrameType = Literal["pandas", "arrow", "polars"]
Since = Period | date | str | None
"""First period of a frame, its date or key; None: the loaded period alone."""


@dataclass(frozen=True)
class Frames:
    """The tables of a use case, as they were known at the decision time of a period."""

    use_case: UseCase
    period: Period
    frame_type: FrameType = "pandas"

    @property
    def names(self) -> list[str]:
        """Return the names of all tables: `features`, `labels`, `checked/<feed>`, …

        `durations` has what the steps cost.
        """
        return [*schemas.table_names(self.use_case), durations.FOLDER]

    def __getitem__(self, table: str) -> Any:
        """Return the rows of the period itself as a frame.

        Raises the same errors as `read`.
        """
        return self._framed(self.read(table))

    def features(self, since: Since = None) -> Any:
        """Return the features of the period, or from `since` to it, as a frame."""
        return self._framed(self.read("features", since))

    def predictions(self, since: Since = None) -> Any:
        """Return the predictions of the period, or from `since` to it, as a frame."""
        return self._framed(self.read("predictions", since))

    def metrics(self, since: Since = None) -> Any:
        """Return what was measured on the period, or from `since` to it, as a frame."""
        return self._framed(self.read("metrics", since))

    def durations(self, since: Since = None) -> Any:
        """Return what the steps of the period, or from `since` to it, cost, as a frame."""
        return self._framed(self.read(durations.FOLDER, since))

    def training_set(self, window_periods: int | None = None) -> Any:
        """Return the rows that a training as of the period reads, as a frame.

        See `read_training_set`.
        """
        return self._framed(self.read_training_set(window_periods))

    def read(self, table: str, since: Since = None) -> pa.Table:
        """Return the rows from the period `since` to the loaded one.

        The order is that of periods and keys. Without `since`, only the rows of the loaded period. Later periods are
        never read.

        Raises:
            InvalidRequestError: there is no such table, or `since` is after the loaded period.
            NotReadyError: neither the lake nor the tables of `check` have the loaded period.
            DurationsCorruptedError: a record of what a step cost is damaged.
        """
        first = self.period if since is None else _as_period(self.use_case, since)
        if table not in self.names:
            raise InvalidRequestError(f"{self.use_case.name} has no table {table!r}; there are {self.names}.")
        if first > self.period:
            raise InvalidRequestError(f"{self.use_case.name}: since={first} is after {self.period}, the loaded period.")
        if table == durations.FOLDER:
            project = open_project(self.use_case)
            return durations.cost_frame(project, durations.read_costs(project, first, self.period))
        keys = schemas.sort_keys(self.use_case, table)
        view = self._lake_with(table).as_of(self.period)
        return view.read(table, first, self.period, order_by=["period", *keys])

    def read_training_set(self, window_periods: int | None = None) -> pa.Table:
        """Return the rows that a training as of the period reads.

        They are in order of day and keys. The columns are day, `split` (train, validation or test), keys, features and
        label.

        Raises:
            InvalidRequestError: the window is invalid.
            NotReadyError: days of the window are not built, or labels are missing.
        """
        lake, name = self._lake_with("features"), self.use_case.name
        first, _ = splits.training_window(self.use_case, self.period, window_periods)
        built = lake.as_of(self.period).partitions("features", first, self.period)
        if missing := [period for period in period_range(first, self.period) if period not in built]:
            raise NotReadyError(
                f"{name}: {self.period.unit.counted(len(missing))} of the training window {first} to {self.period}"
                f" have no features, the"
                f" first {missing[0]}. Build them: airworthy run {name} data --from {first} --to {self.period}"
            )
        return dataset.training_set(self.use_case, lake.as_of(self.period), window_periods)

    def _lake_with(self, table: str) -> Lake:
        """Return the lake that has the loaded period of a table.

        Without one, return the tables of `check` that have it.
        """
        project = open_project(self.use_case)
        kept = project.in_lake(str(kept_home(self.use_case) / "lake"))
        for lake in (project.lake, kept.lake):
            if clone.partition_digests(lake, table, self.period, self.period):
                return lake
        name, period = self.use_case.name, self.period
        kind = {"predictions": "score", "metrics": "monitor"}.get(table, "data")
        check = f", or: airworthy check {name} {period}" if kind == "data" else ""
        raise NotReadyError(
            f"{name}: there are no {table} of {period}, neither in the lake nor in the tables that `check` stored."
            f" Run {name}__{kind} for that period, or: airworthy run {name} {kind} --from {period}{check}"
        )

    def _framed(self, rows: pa.Table) -> Any:
        """Return rows as the chosen kind of frame."""
        if self.frame_type == "arrow":
            return rows
        return rows.to_pandas() if self.frame_type == "pandas" else importlib.import_module("polars").from_arrow(rows)


def load(use_case: str, period: Period | date | str, frame_type: FrameType = "pandas") -> Frames:
    """Return the tables of a use case as of a period, its date or key (`2013-04-01`).

    `frame_type` chooses between frames of pandas, Arrow and polars, which must be installed.

    Raises:
        InvalidRequestError: there is no such use case, period or kind of frame.
    """
    declared = load_use_case(use_case)
    as_of = _as_period(declared, period)
    declared.require(as_of)
    if frame_type not in get_args(FrameType):
        raise InvalidRequestError(f"frame_type={frame_type!r} is none of {list(get_args(FrameType))}.")
    if frame_type == "polars":
        _require_polars()
    return Frames(declared, as_of, frame_type)


def _require_polars() -> None:
    try:
        importlib.import_module("polars")
    except ImportError as error:
        raise InvalidRequestError(
            "frame_type='polars' needs polars, which is not installed here. Install it (pip install polars), or choose"
            " frame_type='arrow' or 'pandas'."
        ) from error


def _as_period(use_case: UseCase, period: Period | date | str) -> Period:
    if isinstance(period, date):
        return use_case.calendar.period_of(period)
    return Period(period) if isinstance(period, str) else period
