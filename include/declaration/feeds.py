"""Declare a feed: a source table of a use case or feature group.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.declaration.column_types import COLUMN_TYPES, TIMESTAMP
from include.declaration.field_types import frozen, require_field_types
from include.declaration.known import FirstSeen
from include.declaration.landing import LandingBucket
from include.declaration.names import require_columns, require_distinct_columns
from include.declaration.period import Period
from include.declaration.problems import declared, did_you_mean, require
from include.declaration.sources import Source, require_source

KNOWN_AT_TYPES = ("date32", TIMESTAMP)


@declared
@dataclass(frozen=True)
class Feed:
    """A table of rows that become known, period by period, and where they come from."""

    name: str
    columns: Mapping[str, str]
    """Column name to type (one of `COLUMN_TYPES`), without the partition's `day`."""
    keys: tuple[str, ...]
    """Columns that identify a row; partitions are sorted by them."""
    max_quarantined: float = 0.05
    """Largest share of a day's rows that may be quarantined; above it the day is refused."""
    missing_periods: frozenset[Period] = frozenset()
    """Days that the source will never deliver; they are empty."""
    source: Source | None = None
    """Where the rows are: `Files`, `Sql`, `Http` or a `LandingBucket`. None: source.py has a function of the feed's
    name, which takes the period."""
    known_at: str | None = None
    """The column of the time at which a row became known: a `timestamp`, or a `date32` of the day.
    A row known after the decision time of the day that delivers it is refused; None: no check."""
    personal: tuple[str, ...] | None = None
    """Columns with personal data: their values are masked in everything that people read, and are no features.
    `()`: it has none; None: not declared, see docs/personal_data.md."""

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "columns", frozen(self.columns))
        say = f"Feed({self.name!r}): "
        require(self.name.isidentifier(), say + "the name must be a Python identifier.", field="name")
        for column, kind in self.columns.items():
            hint = did_you_mean(kind, COLUMN_TYPES, most=3)
            problem = f"{say}column {column!r} has the type {kind!r}, which is not one of {sorted(COLUMN_TYPES)}."
            require(kind in COLUMN_TYPES, problem, field=f"columns[{column!r}]", hint=hint)
        require_columns(self.columns, "columns", say)
        require_distinct_columns(self.columns, "columns", say)
        require(bool(self.keys), say + "declare the keys of a row.", field="keys")
        stray = [key for key in self.keys if key not in self.columns]
        problem = f"{say}keys {stray} are not among its columns {list(self.columns)}."
        require(not stray, problem, field="keys", hint=did_you_mean(stray, self.columns))
        stray = [name for name in self.personal or () if name not in self.columns]
        problem = f"{say}personal columns {stray} are not among its columns {list(self.columns)}."
        require(not stray, problem, field="personal", hint=did_you_mean(stray, self.columns))
        share = 0 <= self.max_quarantined < 1
        require(share, say + "max_quarantined must be at least 0 and below 1.", field="max_quarantined")
        if self.known_at is not None:
            kind = self.columns.get(self.known_at, "not declared")
            known = [column for column, column_type in self.columns.items() if column_type in KNOWN_AT_TYPES]
            problem = (
                f"{say}known_at={self.known_at!r} is {kind}; name a column of one of the types {list(KNOWN_AT_TYPES)}."
            )
            require(kind in KNOWN_AT_TYPES, problem, field="known_at", hint=did_you_mean(self.known_at, known))
        require_source(self.source, self.columns, say)

    @property
    def landing(self) -> LandingBucket | None:
        """Return the bucket in which files are awaited; None for every other source."""
        return self.source if isinstance(self.source, LandingBucket) else None

    @property
    def is_first_seen(self) -> bool:
        """Return whether its source has no past: only the lake has its rows."""
        return isinstance(getattr(self.source, "known", None), FirstSeen)
