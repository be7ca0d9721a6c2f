"""Declare feeds and the features that are built from them.

Use cases and feature groups have this in common. Imports nothing heavy: DAG files read declarations when they are
parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from include.declaration import clock
from include.declaration.calendars import Calendar, Daily
from include.declaration.engines import DUCKDB, Engine
from include.declaration.feature import own_features
from include.declaration.feeds import Feed
from include.declaration.field_types import frozen
from include.declaration.monitoring import Alerts
from include.declaration.origin import declaring_module, find_function, load_function
from include.declaration.period import Period
from include.declaration.retention import Retention
from include.declaration.span import Span, count_spans
from include.errors import AfterLastPeriodError, BeforeFirstPeriodError, NotBegunError

_DAYS = Daily()


@dataclass(frozen=True, kw_only=True)
class DataDeclaration:
    """What determines tables of features: feeds, calendar, keys and features.

    The steps that land, validate and build need no more. Functions are in modules of `package`.
    """

    name: str
    owner: str
    time_zone: str
    """The zone of local days and weeks, and of their decision times."""
    first_period: Period
    look_back_periods: Span = Span()
    """Features of D are built from periods D - look_back_periods to D."""
    feeds: tuple[Feed, ...]
    keys: tuple[str, ...]
    """Columns that identify one row of features among those of its period; also of predictions."""
    features: Mapping[str, str]
    """Feature name to type: a number, or `category`; or `Feature(type, description=…, owner=…)`."""
    period: str = ""
    """The key that holds the start of a row's period, equal to the partition's in features and predictions: a `date32`,
    or a `timestamp` of an hourly calendar. Or `PARTITION` if no key does: then `labels` also returns such a column,
    `labelled_period`. Required."""
    calendar: Calendar = _DAYS
    """What a period is, and when it is decided: `Daily(at=…)`, `Hourly()` or `Weekly(on=…, at=…)`."""
    engine: Engine = DUCKDB
    """What computes `features.py`: DuckDB in the process of the task, or Spark (`make engines`, Java 17)."""
    alerts: Alerts = field(default_factory=Alerts)
    retention: Retention = field(default_factory=Retention)
    links: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    """A notice shown on every page, such as that data are replayed."""
    memory_gb: int = 0
    """Most GB of memory that a task may need, if that is much of a machine: then such tasks wait until the machine has
    it, see docs/operate.md. 0: they wait for no memory."""
    package: str = ""
    """Package of the functions; empty: the one that declares them."""
    last_period: Period | None = None
    """Last day of data that end, such as a historical table: nothing runs after it."""

    def freeze(self, unusable: Collection[str]) -> None:
        """Make mappings read-only, set the package, count spans; skip `unusable`."""
        for name in {"features", "links"} - set(unusable):
            object.__setattr__(self, name, frozen(getattr(self, name)))
        object.__setattr__(self, "_names_its_package", bool(self.package))
        object.__setattr__(self, "_declared_in", declaring_module())
        if not self.package:
            object.__setattr__(self, "package", self.declared_in)
        if "calendar" not in unusable:
            count_spans(self, self.calendar.count, in_place=True)

    @property
    def own_features(self) -> dict[str, str]:
        """Return the features of `build`, without those of feature groups."""
        return own_features(self.features)

    @property
    def declared_in(self) -> str:
        """Return the module whose code built this declaration."""
        return str(self._declared_in)  # type: ignore[attr-defined]

    def declare_in(self, module: str) -> None:
        """Set the package of the functions, unless the declaration names another."""
        if not self._names_its_package:  # type: ignore[attr-defined]
            object.__setattr__(self, "package", module)

    def require(self, period: Period) -> None:
        """Check that `period` can be run: declared, and not in the future.

        Raises:
            PeriodError: the period is none of the calendar.
            BeforeFirstPeriodError: the period is before `first_period`.
            AfterLastPeriodError: the period is after `last_period`.
            NotBegunError: the day has not begun in the declared time zone.
        """
        self.calendar.require(period, self.name)
        if period < self.first_period:
            raise BeforeFirstPeriodError(self.name, period, self.first_period)
        if self.last_period is not None and period > self.last_period:
            raise AfterLastPeriodError(self.name, period, self.last_period)
        start = self.decision_time_if_any(period)
        if period > self.today() or start is None:
            raise NotBegunError(self.name, period, self.time_zone, self.today(), start, clock.now())

    def today(self) -> Period:
        """Return the newest period that has begun."""
        return self.period_at(clock.now())

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone."""
        return ZoneInfo(self.time_zone)

    def period_at(self, instant: datetime) -> Period:
        """Return the newest period that has begun at an instant."""
        return self.calendar.period_at(instant, self.zone)

    def decision_time(self, period: Period) -> datetime:
        """Return the instant (UTC) at which a period begins."""
        return self.calendar.decision_time(period, self.zone)

    def decision_time_if_any(self, period: Period) -> datetime | None:
        """Return the instant (UTC) at which a period begins, or None.

        None: the time zone skipped the period.
        """
        return self.calendar.decision_time_if_any(period, self.zone)

    def newest_period(self, instant: datetime | None = None) -> Period:
        """Return the newest period that can be run: today's, or `last_period` if earlier.

        With `instant`, it is the newest one that had begun then.
        """
        newest = self.today() if instant is None else self.period_at(instant)
        return newest if self.last_period is None else min(newest, self.last_period)

    @property
    def personal_columns(self) -> frozenset[str]:
        """Return the names of the columns that a feed declares personal."""
        return frozenset(name for feed in self.feeds for name in feed.personal or ())

    @property
    def known_names(self) -> frozenset[str]:
        """Return the names that a text may quote although columns are personal."""
        columns = {name for feed in self.feeds for name in feed.columns}
        feeds = {name for feed in self.feeds for name in (feed.name, f"raw/{feed.name}", f"checked/{feed.name}")}
        return frozenset({self.name, "missing_periods", "known_at", *self.features, *columns, *feeds})

    def feed(self, name: str) -> Feed:
        """Return the feed of that name.

        Raises:
            StopIteration: there is no such feed.
        """
        return next(feed for feed in self.feeds if feed.name == name)

    def key_types(self) -> dict[str, str]:
        """Return the declared type of each key column."""
        columns: dict[str, str] = {}
        for feed in self.feeds:
            columns |= feed.columns
        return {key: columns[key] for key in self.keys if key in columns}

    def function(self, module: str, name: str) -> Callable[..., Any]:
        """Import a module of the package, and return one of its functions.

        Raises:
            BrokenUseCaseError: the module cannot be imported, or has no such function.
        """
        return load_function(self.name, self.package, module, name)

    def find_function(self, module: str, name: str) -> Callable[..., Any] | None:
        """Return a function of a module of the package; None if it has none.

        Raises:
            BrokenUseCaseError: the module cannot be imported.
        """
        return find_function(self.name, self.package, module, name)
