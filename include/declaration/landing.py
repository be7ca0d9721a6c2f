"""A landing bucket, as a feed declares it: which objects are a day's files, and how they are read.

Imports nothing heavy, as use_case.py; what is decided here from names alone, sensor and stages decide alike.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from include.declaration import clock
from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, did_you_mean, require
from include.errors import DataError, NotReadyError

Format = Literal["csv", "parquet"]
SUFFIXES: dict[str, tuple[str, ...]] = {"csv": (".csv", ".csv.gz", ".zip"), "parquet": (".parquet",)}
"""Format to the endings of the names that are read as such, in lower or upper case."""
GIGABYTE = 1_000_000_000
LEAST_MEMORY = 300_000_000
_DAYS = tuple(
    map(date.fromisoformat, ("2020-01-01", "2020-01-02", "2020-01-11", "2020-11-01", "2020-02-01", "2021-01-01"))
)
"""Days that a prefix must tell apart."""


@declared
@dataclass(frozen=True)
class Landing:
    """Where others put the files of a feed: every object under the prefix of a day is a part of that day.

    A day's files hold what became known by the decision time of that day, however late they arrive themselves.
    """

    bucket: str
    prefix: str
    """Where in the bucket a day's files are; `{day}` stands for the day, `{day:%Y/%m/%d}` writes it another way."""
    connection: str = "aws_default"
    """Airflow's Connection (Amazon Web Services) by which the bucket is read."""
    format: Format = "csv"
    """csv (also `.csv.gz`, or `.zip` with one file in it) with a line of column names, in UTF-8; or parquet."""
    ready: str = ""
    """Name of the object under the prefix that says that the day is whole, such as `_SUCCESS`. Empty: there is none,
    and the first file makes the day."""
    wait: timedelta = timedelta(hours=5)
    """How long after its decision time the files of a day may arrive. Who scores the day waits six hours for it."""
    every: timedelta = timedelta(seconds=30)
    """How often the bucket is looked at while a day's files are waited for."""
    watch_periods: int = 7
    """Files of so many earlier days are looked at by each ingest: whether they are still those that have landed."""
    delimiter: str = ","
    nulls: tuple[str, ...] = ("",)
    """What a missing value is written as in a CSV file, unless it stands in quotes."""
    max_bytes: int = 20 * GIGABYTE
    """What a day's files may hold, as they are stored and unpacked; more is taken for a mistake, before it fills the
    disk."""
    max_files: int = 10_000
    """How many objects may be under the prefix of a day, files and others."""
    max_rows: int = 100_000_000
    """How many rows a day's files may have; a Parquet file of a few bytes may state any number."""
    max_memory: int = GIGABYTE
    """Bytes of memory of the process that reads the files, of which Python and Arrow take 150 MB."""
    max_time: timedelta = timedelta(minutes=15)
    """How long reading one file may take."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"Landing({self.bucket!r}, {self.prefix!r}): "
        object.__setattr__(self, "nulls", tuple(self.nulls))
        name = re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", self.bucket)
        require(name is not None, say + "a bucket's name is 3 to 63 of a-z, 0-9, dot and dash.", field="bucket")
        known = f"format {self.format!r} is none of {list(SUFFIXES)}."
        is_known = require(
            self.format in SUFFIXES, say + known, field="format", hint=did_you_mean(self.format, SUFFIXES)
        )
        self._check_prefix(say)
        require(bool(self.connection), say + "name the Airflow Connection.", field="connection")
        if is_known:
            stray = self.ready != self.ready.strip("/") or self._is_data(self.ready)
            problem = f"{say}ready={self.ready!r} would be read as a file of the day."
            require(not stray, problem, field="ready", hint="Name another object.")
        for wait in ("wait", "every", "max_time"):
            clock.require_wait(getattr(self, wait), say + wait)
        require(self.watch_periods >= 0, say + "watch_periods is a number of days from 0.", field="watch_periods")
        for limit in ("max_bytes", "max_files", "max_rows"):
            require(getattr(self, limit) > 0, f"{say}{limit} is above 0.", field=limit)
        enough = self.max_memory >= LEAST_MEMORY
        problem = f"{say}max_memory is at least {LEAST_MEMORY:,} bytes, or no file could be read."
        require(enough, problem, field="max_memory")
        require(len(self.delimiter) == 1, say + "delimiter is one character.", field="delimiter")
        plain = self.delimiter == "," and self.nulls == ("",)
        problem = "delimiter and nulls are for csv; a Parquet file has its own."
        require(self.format != "parquet" or plain, say + problem, field="format")

    def _check_prefix(self, say: str) -> None:
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(self.prefix) if field is not None]
            there = [self.prefix_of(day) for day in _DAYS] if set(fields) == {"day"} else []
        except (ValueError, LookupError) as error:
            require(False, f"{say}the prefix cannot be read: {error}.", field="prefix")
            return
        problem = "the prefix holds the day as {day} or {day:%Y/%m/%d}, and nothing else in braces."
        require(bool(there), say + problem, field="prefix")
        mixed = any(
            one != other and two.startswith(own) for one, own in enumerate(there) for other, two in enumerate(there)
        )
        problem = "the prefix does not tell days apart: a day's would also hold another day's files."
        require(not mixed, say + problem, field="prefix")
        wild = any(letter in "*?[]\\" or ord(letter) < 32 for letter in "".join(there))
        require(not wild, say + "no *, ?, [, ], backslash or control character in a prefix.", field="prefix")
        slash = self.prefix.startswith("/")
        require(not slash, say + "a key in a bucket does not begin with a slash.", field="prefix")

    def prefix_of(self, day: date) -> str:
        """What the keys of that day's objects begin with."""
        return self.prefix.format(day=day)

    def where(self, day: date) -> str:
        """The same as an address for a person."""
        return f"s3://{self.bucket}/{self.prefix_of(day)}"

    def files(self, keys: Iterable[str], day: date) -> list[str]:
        """Of the keys in the bucket, those of the day's files, in order of names.

        A name that begins with `_` or `.`, and what is in a folder of such a name, is left out: it is a mark, or is
        being written.
        """
        start = self.prefix_of(day)
        return sorted(key for key in keys if key.startswith(start) and self._is_data(key, start))

    def is_delivered(self, keys: Iterable[str], day: date) -> bool:
        """Whether the day's files are there: the mark that says so, or without one any file."""
        there = list(keys)
        return self.prefix_of(day) + self.ready in there if self.ready else bool(self.files(there, day))

    def _is_data(self, key: str, start: str = "") -> bool:
        # A prefix may end within a name: what is hidden is asked of whole names.
        names = key[start.rfind("/") + 1 :].split("/")
        hidden = any(name.startswith(("_", ".")) for name in names)
        return key.lower().endswith(SUFFIXES[self.format]) and not hidden


def require_apart(landings: Mapping[str, Landing], day: date) -> None:
    """Report feeds of which two would read one file."""
    places = sorted((landing.where(day), feed) for feed, landing in landings.items())
    for (place, feed), (other, another) in itertools.pairwise(places):
        problem = f"files in {other} would be read into {feed} and {another}."
        require(not other.startswith(place), problem, field="feeds", hint="Give each feed a prefix of its own.")


class DeliveryTooLargeError(DataError):
    """What is under the prefix of a day is more than the feed's Landing accepts; nothing of it was fetched."""

    def __init__(self, use_case: str, feed: str, day: date, where: str, limit: str, there: str) -> None:
        """`limit` is the field with its value, `there` what is there, in words."""
        super().__init__(
            f"{use_case}: feed {feed!r} of {day}: under {where} there are {there}, and its Landing accepts {limit}."
            " Nothing was fetched or written. Have what does not belong there removed, or raise that limit of the"
            " feed's Landing."
        )


class DeliveryMissingError(NotReadyError):
    """A day's files are not in the bucket, or nothing says that they all are."""

    def __init__(self, use_case: str, feed: str, landing: Landing, day: date, waited: str = "") -> None:
        mark = f"no object {landing.ready!r}" if landing.ready else f"no {landing.format} file"
        super().__init__(
            f"{use_case}: the files of feed {feed!r} for {day} are not there{waited}: {mark} in the bucket"
            f" {landing.bucket!r} under {landing.prefix_of(day)!r} (Connection {landing.connection!r}). Nothing was"
            " written. Ask who delivers them, and clear the task when they are there; if they never will be, add the"
            " day to the feed's missing_periods."
        )
