"""What a person says about a new use case.

Everything else is read from the sample.
"""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from include.declaration import clock, names
from include.declaration.problems import declared, require

Task = Literal["binary"]
Calendar = Literal["daily"]
FORMATS = {".csv": "csv", ".parquet": "parquet"}


@declared
@dataclass(frozen=True)
class Answers:
    """The answers to the questions of `airworthy new`.

    Raises:
        DeclarationError: an answer is invalid; lists all problems.
    """

    name: str
    sample: Path
    """A CSV or Parquet file with one row per key and day, with the label."""
    date: str
    """The column with the day, or the local time, that a row is about."""
    label: str
    """The column with the outcome."""
    keys: tuple[str, ...] = ()
    """Columns that, with the date, identify a row."""
    label_delay: int = 1
    """Days after which the outcome of a day is known."""
    known_before: tuple[str, ...] = ()
    """Columns that are known when the day begins; all others become known with the label."""
    positive: str = ""
    """The label's value that is predicted, if the label is text."""
    task: Task = "binary"
    calendar: Calendar = "daily"
    time_zone: str = "UTC"
    owner: str = ""
    objective: str = ""

    def __post_init__(self) -> None:
        names.require_use_case(self.name, self.owner)
        require(not keyword.iskeyword(self.name), f"{self.name!r} is a word of Python.", field="name")
        is_sample = self.sample.suffix in FORMATS and self.sample.is_file()
        require(is_sample, f"{self.sample} is no file that ends with {' or '.join(FORMATS)}.", field="sample")
        problem = "label-delay must be at least 1: an outcome is known after its day."
        require(self.label_delay >= 1, problem, field="label_delay")
        roles = [self.date, *self.keys, self.label]
        require(len(set(roles)) == len(roles), "date, keys and label must be different columns.", field="keys")
        require(self.label not in self.known_before, "the label is not known before.", field="known_before")
        clock.require_time_zone(self.time_zone)
