"""Declare a landing bucket: which objects are a day's files, and how to read them.

Sensors and steps share these rules, which use names of objects only. Imports nothing heavy.
"""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from include.declaration import clock
from include.declaration.field_types import require_field_types
from include.declaration.period import Period
from include.declaration.problems import declared, did_you_mean, require
from include.declaration.span import Span, Spanned
from include.errors import DataError, NotReadyError

Format = Literal["csv", "parquet"]
SUFFIXES: dict[str, tuple[str, ...]] = {"csv": (".csv", ".csv.gz", ".zip"), "parquet": (".parquet",)}
"""Format to the name endings of its files, in lower or upper case."""
GIGABYTE = 1_000_000_000
LEAST_MEMORY = 300_000_000
_DAYS = tuple(map(Period, ("2020-01-01", "2020-01-02", "2020-01-11", "2020-11-01", "2020-02-01", "2021-01-01")))
"""Days whose prefixes must differ."""


@declared
@dataclass(frozen=True)
class LandingBucket(Spanned):
    """The bucket of a feed's files.

    Every object under the prefix of a day belongs to that day. A day's files contain the rows that became known by the
    decision time of that day, even if the files arrive later.
    """

    bucket: str
    prefix: str
    """Prefix of a day's files; `{period}` is replaced by the day, in another format with `{period:%Y/%m/%d}`."""
    conn_id: str = "aws_default"
    """Connection of the type Amazon Web Services that reads the bucket."""
    format: Format = "csv"
    """csv (also `.csv.gz`, or `.zip` with one file in it) with a header line, in UTF-8; or parquet."""
    ready: str = ""
    """Name of the object under the prefix that marks the day as complete, such as `_SUCCESS`. Empty: no mark; the day
    is complete with the first file."""
    wait: timedelta = timedelta(hours=5)
    """Longest time after a day's decision time in which its files may arrive. Scoring waits six hours for the day."""
    every: timedelta = timedelta(seconds=30)
    """Poll interval while waiting for a day's files."""
    watch_periods: Span = Span(7)
    """Number of earlier days whose files each ingest checks for changes since they landed."""
    delimiter: str = ","
    nulls: tuple[str, ...] = ("",)
    """Unquoted CSV values that mean a missing value."""
    max_bytes: int = 20 * GIGABYTE
    """Largest size of a day's files in bytes, stored and unpacked; larger files are refused before they fill the
    disk."""
    max_files: int = 10_000
    """Largest number of objects under the prefix of a day, data files and others."""
    max_rows: int = 100_000_000
    """Largest number of rows in a day's files; a Parquet file of a few bytes may state any number."""
    max_memory: int = GIGABYTE
    """Bytes of memory of the process that reads the files; Python and Arrow take 150 MB of it."""
    max_time: timedelta = timedelta(minutes=15)
    """Longest time for reading one file."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"LandingBucket({self.bucket!r}, {self.prefix!r}): "
        object.__setattr__(self, "nulls", tuple(self.nulls))
        name = re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", self.bucket)
        require(
            name is not None,
            say + "the bucket's name must have 3 to 63 characters of a-z, 0-9, dot and dash.",
            field="bucket",
        )
        known = f"format {self.format!r} is not one of {list(SUFFIXES)}."
        is_known = require(
            self.format in SUFFIXES, say + known, field="format", hint=did_you_mean(self.format, SUFFIXES)
        )
        self._check_prefix(say)
        require(bool(self.conn_id), say + "name the Connection.", field="conn_id")
        if is_known:
            stray = self.ready != self.ready.strip("/") or self._is_data(self.ready)
            problem = f"{say}ready={self.ready!r} would itself be read as a file of the period."
            require(not stray, problem, field="ready", hint="Name another object.")
        for wait in ("wait", "every", "max_time"):
            clock.require_wait(getattr(self, wait), say + wait)
        self.check_counted_spans()
        for limit in ("max_bytes", "max_files", "max_rows"):
            require(getattr(self, limit) > 0, f"{say}{limit} must be above 0.", field=limit)
        enough = self.max_memory >= LEAST_MEMORY
        problem = f"{say}max_memory must be at least {LEAST_MEMORY:,} bytes, the least for reading a file."
        require(enough, problem, field="max_memory")
        require(len(self.delimiter) == 1, say + "delimiter must be one character.", field="delimiter")
        plain = self.delimiter == "," and self.nulls == ("",)
        problem = "delimiter and nulls apply to csv only; leave them out for parquet."
        require(self.format != "parquet" or plain, say + problem, field="format")

    def check_spans(self) -> None:
        """Report a number of watched periods below 0."""
        problem = f"LandingBucket({self.bucket!r}, {self.prefix!r}): watch_periods must be at least 0."
        require(self.watch_periods >= 0, problem, field="watch_periods")

    def _check_prefix(self, say: str) -> None:
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(self.prefix) if field is not None]
            prefixes = [self.prefix_of(period) for period in _DAYS] if set(fields) == {"period"} else []
        except (ValueError, LookupError) as error:
            require(False, f"{say}the prefix cannot be read: {error}.", field="prefix")
            return
        problem = "the prefix must contain the period as {period} or {period:%Y/%m/%d}, and nothing else in braces."
        require(bool(prefixes), say + problem, field="prefix")
        mixed = any(
            one != other and second.startswith(first)
            for one, first in enumerate(prefixes)
            for other, second in enumerate(prefixes)
        )
        problem = "the prefix of one period also matches files of another period."
        require(not mixed, say + problem, field="prefix")
        wild = any(letter in "*?[]\\" or ord(letter) < 32 for letter in "".join(prefixes))
        problem = "the prefix must not contain *, ?, [, ], a backslash or a control character."
        require(not wild, say + problem, field="prefix")
        slash = self.prefix.startswith("/")
        require(not slash, say + "the prefix must not begin with a slash.", field="prefix")

    def prefix_of(self, period: Period) -> str:
        """Return the prefix of the keys of that day's objects."""
        return self.prefix.format(period=period)

    def location_of(self, period: Period) -> str:
        """Return the address of that day's files, for texts."""
        return f"s3://{self.bucket}/{self.prefix_of(period)}"

    def files(self, keys: Iterable[str], period: Period) -> list[str]:
        """Return the keys of the day's files among the keys in the bucket, sorted.

        Names that begin with `_` or `.`, and folders of such names, are left out: they are marks or unfinished files.
        """
        start = self.prefix_of(period)
        return sorted(key for key in keys if key.startswith(start) and self._is_data(key, start))

    def is_delivered(self, keys: Iterable[str], period: Period) -> bool:
        """Return whether the day is complete: its mark exists, or, without one, a file."""
        present = list(keys)
        return self.prefix_of(period) + self.ready in present if self.ready else bool(self.files(present, period))

    def _is_data(self, key: str, start: str = "") -> bool:
        # A prefix may end within a name, so the check for hidden names uses whole names.
        names = key[start.rfind("/") + 1 :].split("/")
        hidden = any(name.startswith(("_", ".")) for name in names)
        return key.lower().endswith(SUFFIXES[self.format]) and not hidden


def require_apart(landings: Mapping[str, LandingBucket], period: Period) -> None:
    """Report feeds that would read the same file."""
    places = sorted((landing.location_of(period), feed) for feed, landing in landings.items())
    for (place, feed), (other, another) in itertools.pairwise(places):
        problem = f"files in {other} would be read into {feed} and {another}."
        require(not other.startswith(place), problem, field="feeds", hint="Give each feed a prefix of its own.")


class DeliveryTooLargeError(DataError):
    """A day's files exceed a limit of the feed's LandingBucket; nothing was fetched."""

    def __init__(self, use_case: str, feed: str, period: Period, where: str, limit: str, measured: str) -> None:
        """Build the message.

        `limit` is the field with its value, `measured` the measured size in words.
        """
        self.use_case, self.feed, self.period = use_case, feed, period
        self.where, self.limit, self.measured = where, limit, measured
        super().__init__(
            f"{use_case}: feed {feed!r} of {period} is too large: there are {measured} under {where}, and its"
            f" LandingBucket accepts {limit}. Nothing was fetched or written. Remove the objects that do not belong"
            " there, or raise this limit in the feed's LandingBucket."
        )


class DeliveryMissingError(NotReadyError):
    """A day's files, or the mark that they are complete, are not in the bucket."""

    def __init__(self, use_case: str, feed: str, landing: LandingBucket, period: Period, waited: str = "") -> None:
        self.use_case, self.feed, self.period = use_case, feed, period
        mark = f"no object {landing.ready!r}" if landing.ready else f"no {landing.format} file"
        super().__init__(
            f"{use_case}: the files of feed {feed!r} for {period} are missing{waited}: {mark} in the bucket"
            f" {landing.bucket!r} under {landing.prefix_of(period)!r} (Connection {landing.conn_id!r}). Nothing was"
            " written. Ask the supplier, and clear the task when the files have arrived. If they will never arrive, add"
            " the period to the feed's missing_periods."
        )
