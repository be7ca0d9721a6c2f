"""What a person says about a new use case.

Everything else is read from the sample.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Literal

from include.declaration import clock, names
from include.declaration.calendars import WEEKDAYS
from include.declaration.problems import declared, did_you_mean, require

Task = Literal["", "binary", "regression", "multiclass"]
CALENDARS = ("daily", "hourly", "weekly")
FORMATS = {".csv": "csv", ".parquet": "parquet"}
LOSSES = ("l2", "l1", "huber", "poisson", "gamma", "tweedie")
"""Objectives of a regression that need no other number."""


@declared
@dataclass(frozen=True)
class Answers:
    """The answers to the questions of `airworthy new`.

    Raises:
        DeclarationError: an answer is invalid; lists all problems.
    """

    name: str
    sample: Path | None
    """A CSV or Parquet file with one row per key and period, with the label; None with `sample_table`."""
    date: str
    """The column with the day, or the local time, that a row is about; of a week, any day in it."""
    label: str
    """The column with the outcome."""
    keys: tuple[str, ...] = ()
    """Columns that, with the date, identify a row."""
    label_delay: int = 1
    """Periods after which the outcome of a period is known."""
    known_before: tuple[str, ...] = ()
    """Columns that are known when the period begins; all others become known with the label."""
    positive: str = ""
    """The label's value that is predicted, if the label is text with two values."""
    task: Task = ""
    """What is predicted; empty: what the label's values suggest."""
    loss: str = ""
    """Objective of a regression; empty: what the label's values suggest."""
    interval: tuple[float, ...] = (0.1, 0.9)
    """The two quantiles of a regression's interval; empty: no interval."""
    sample_table: str = ""
    """Instead of a file, a table or view of a database, with its schema if needed."""
    conn_id: str = ""
    """The Connection of `sample_table`."""
    calendar: str = "daily"
    """`daily`, `hourly` or `weekly`."""
    at: str = ""
    """Local time of the decision, such as `06:00`, of days and weeks; empty: midnight."""
    on: str = ""
    """First day of a week; empty: the one of all dates of the sample, or Monday."""
    time_zone: str = "UTC"
    owner: str = ""
    objective: str = ""

    def __post_init__(self) -> None:
        names.require_use_case(self.name, self.owner)
        require(not keyword.iskeyword(self.name), f"{self.name!r} is a word of Python.", field="name")
        problem = "give a file or a table with the rows: --sample FILE, or --sample-table TABLE --conn-id CONNECTION."
        is_table = bool(self.sample_table) and bool(self.conn_id)
        is_one = (self.sample is None) == is_table and is_table == bool(self.sample_table or self.conn_id)
        require(is_one, problem, field="sample")
        is_file = self.sample is None or (self.sample.suffix in FORMATS and self.sample.is_file())
        require(is_file, f"{self.sample} is no file that ends with {' or '.join(FORMATS)}.", field="sample")
        problem = "label-delay must be at least 1: an outcome is known after its period."
        require(self.label_delay >= 1, problem, field="label_delay")
        self._check_calendar()
        roles = [self.date, *self.keys, self.label]
        require(len(set(roles)) == len(roles), "date, keys and label must be different columns.", field="keys")
        require(self.label not in self.known_before, "the label is not known before.", field="known_before")
        clock.require_time_zone(self.time_zone)
        hint = did_you_mean(self.loss, LOSSES)
        require(self.loss in ("", *LOSSES), f"loss is one of {list(LOSSES)}.", field="loss", hint=hint)
        is_interval = len(self.interval) == 2 and 0 < self.interval[0] < self.interval[1] < 1
        problem = "interval is two quantiles between 0 and 1, the lower first, such as 0.1,0.9; or none."
        require(not self.interval or is_interval, problem, field="interval")

    def _check_calendar(self) -> None:
        hint = did_you_mean(self.calendar, CALENDARS)
        known = f"calendar is one of {list(CALENDARS)}."
        require(self.calendar in CALENDARS, known, field="calendar", hint=hint)
        is_time = not self.at or time_of(self.at) is not None
        require(is_time, f"at={self.at!r} is no time of day.", field="at", hint="Write it as 06:00.")
        require(not self.at or self.calendar != "hourly", "hours begin at minute 0; leave out at.", field="at")
        hint = did_you_mean(self.on, WEEKDAYS)
        require(self.on in ("", *WEEKDAYS), f"on is one of {list(WEEKDAYS)}.", field="on", hint=hint)
        require(not self.on or self.calendar == "weekly", "on is the first day of a week.", field="on")
        is_file = not self.sample_table or self.calendar != "hourly"
        problem = "the hours of a table cannot be chosen by a query that fits every database."
        hint = "Give its rows as a file, and declare the query afterwards (docs/sources.md)."
        require(is_file, problem, field="calendar", hint=hint)


def time_of(text: str) -> time | None:
    """Return a time of day such as `06:00`; None if it is none."""
    try:
        return time.fromisoformat(text) if re.fullmatch(r"\d\d:\d\d", text) else None
    except ValueError:
        return None
