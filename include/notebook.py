"""Load a use case's tables into a notebook: `from include.notebook import load`.

Frames are read from the lake or, if it lacks a period, from the tables of `airworthy check`. Nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd
import pyarrow as pa

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_use_case
from include.errors import InvalidRequestError, NotReadyError
from include.evaluation.check_use_case import kept_home
from include.lake import clone, schemas
from include.project import open_project


@dataclass(frozen=True)
class Frames:
    """The tables of a use case, as they were known at the decision time of a period."""

    use_case: UseCase
    period: Period

    @property
    def names(self) -> list[str]:
        """Return the names of all tables: `features`, `labels`, `checked/<feed>`, …"""
        return schemas.table_names(self.use_case)

    def __getitem__(self, table: str) -> pd.DataFrame:
        """Return the rows of the period itself as a pandas frame.

        Raises the same errors as `read`.
        """
        return self.read(table).to_pandas()

    def read(self, table: str, since: Period | date | str | None = None) -> pa.Table:
        """Return the rows from `since` to the loaded period, ordered.

        The order is that of periods and keys. Without `since`, only the rows of the loaded period. Later periods are
        never read.

        Raises:
            InvalidRequestError: there is no such table, or `since` is after the loaded period.
            NotReadyError: neither the lake nor the tables of `check` have the loaded period.
        """
        first = self.period if since is None else _as_period(since)
        if table not in self.names:
            raise InvalidRequestError(f"{self.use_case.name} has no table {table!r}; there are {self.names}.")
        if first > self.period:
            raise InvalidRequestError(f"{self.use_case.name}: since={first} is after {self.period}, the loaded period.")
        keys = schemas.sort_keys(self.use_case, table)
        project = open_project(self.use_case)
        kept = project.in_lake(str(kept_home(self.use_case) / "lake"))
        for lake in (project.lake, kept.lake):
            if clone.partition_digests(lake, table, self.period, self.period):
                return lake.as_of(self.period).read(table, first, self.period, order_by=["period", *keys])
        name = self.use_case.name
        raise NotReadyError(
            f"{name}: there are no {table} of {self.period}, neither in the lake nor in the tables that `check` stored."
            f" Run {name}__data for that day, or: airworthy check {name} {self.period}"
        )


def load(use_case: str, period: Period | date | str) -> Frames:
    """Return the tables of a use case as of a period, its date or key (`2013-04-01`).

    Raises:
        InvalidRequestError: there is no such use case or period.
    """
    declared, as_of = load_use_case(use_case), _as_period(period)
    declared.require(as_of)
    return Frames(declared, as_of)


def _as_period(period: Period | date | str) -> Period:
    if isinstance(period, date):
        return Period.from_date(period)
    return Period(period) if isinstance(period, str) else period
