"""The declaration of a use case: what a team writes down, checked when it is built.

Imports nothing heavy: DAG files read declarations when they are parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from include.declaration import clock, landing
from include.declaration.costs import DecisionCosts
from include.declaration.field_types import require_field_types
from include.declaration.gates import require as _require
from include.declaration.landing import Landing
from include.declaration.lightgbm_parameters import wrong_declaration
from include.declaration.monitoring import Alerts, Monitoring, Retraining
from include.declaration.names import PREDICTION_COLUMNS, require_columns, require_feeds, require_use_case
from include.declaration.origin import declaring_module, load_function
from include.declaration.period import PARTITION, PERIOD, require_period
from include.declaration.retention import Retention
from include.errors import InvalidRequestError, NotBegunError
from include.evaluation.gates import require_gates
from include.evaluation.gates.base import BaseGate, GateLimits

TIMESTAMP = "timestamp"
"""Type of a feed's column that holds instants: UTC, in microseconds (`pyarrow.timestamp("us", "UTC")`)."""
COLUMN_TYPES = frozenset(
    {"string", "bool", "int8", "int16", "int32", "int64", "float32", "float64", "date32", TIMESTAMP}
)
"""Types a declared column may have: names that `pyarrow.type_for_alias` knows, and `timestamp`."""
KNOWN_AT_TYPES = ("date32", TIMESTAMP)
CATEGORY = "category"
"""A feature that is stored as a string and learned as a category."""


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@dataclass(frozen=True)
class Feed:
    """A source table: its function in source.py has the feed's name and takes the day, unless files are delivered."""

    name: str
    columns: Mapping[str, str]
    """Column name to type (one of `COLUMN_TYPES`), without the partition's `day`."""
    keys: tuple[str, ...]
    """Columns that identify a row, and in whose order a partition is stored."""
    max_quarantined: float = 0.05
    """Largest share of a day's rows that may be quarantined; above it the day is refused."""
    absent_days: frozenset[date] = frozenset()
    """Days that the source will never deliver: empty by declaration."""
    landing: Landing | None = None
    """The bucket into which others put this feed's files; source.py then needs no function for it."""
    known_at: str | None = None
    """The column that says when a row became known: a `timestamp`, or a `date32` of the day during which it did.
    A row known after the decision time of the day that delivers it is refused; None: nothing is checked."""

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "columns", _frozen(self.columns))
        _require(self.name.isidentifier(), f"Feed({self.name!r}): the name must be a Python identifier.")
        wrong = {c: t for c, t in self.columns.items() if t not in COLUMN_TYPES}
        _require(not wrong, f"Feed({self.name!r}): types {wrong} are none of {sorted(COLUMN_TYPES)}.")
        require_columns(self.columns, f"Feed({self.name!r}): ")
        stray = [key for key in self.keys if key not in self.columns]
        _require(bool(self.keys) and not stray, f"Feed({self.name!r}): keys {stray or '()'} are not among its columns.")
        _require(0 <= self.max_quarantined < 1, f"Feed({self.name!r}): max_quarantined is a share from 0 to below 1.")
        if self.known_at is not None:
            kind = self.columns.get(self.known_at, "not declared")
            _require(
                kind in KNOWN_AT_TYPES,
                f"Feed({self.name!r}): known_at={self.known_at!r} is {kind}; name a column of one of the types"
                f" {list(KNOWN_AT_TYPES)}.",
            )


@dataclass(frozen=True)
class Label:
    """What is predicted: the column that `labels` in features.py returns, 0 or 1."""

    name: str
    meaning: str
    matures_after_days: int
    """A day's labels are complete, as far as they will ever be, this many days later."""

    def __post_init__(self) -> None:
        require_field_types(self)
        _require(self.matures_after_days >= 1, f"Label({self.name!r}): a label is known after its day: at least 1.")


@dataclass(frozen=True)
class SearchRange:
    """A range in which tuning looks for a LightGBM parameter, both ends included; whole numbers if both ends are."""

    low: float
    high: float
    log: bool = False
    """Whether to look evenly on a logarithmic scale."""

    def __post_init__(self) -> None:
        require_field_types(self)
        _require(self.low < self.high, f"Search({self.low:g}, {self.high:g}): low must be below high.")
        _require(not self.log or self.low > 0, f"Search({self.low:g}, {self.high:g}): a logarithm needs low above 0.")

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True)
class Training:
    """How a model is trained as of a day T: days whose labels have matured by T, cut by time into train, validation
    and test."""

    window_days: int
    validation_days: int
    test_days: int
    gap_days: int
    """Days left out between train and validation, and between validation and test."""
    min_train_days: int
    parameters: Mapping[str, int | float | str | bool]
    """LightGBM parameters; seeds, threads and determinism are set by the trainer."""
    rounds: int
    early_stopping_rounds: int
    seed: int = 20130101
    baseline_features: tuple[str, ...] = ()
    """What the logistic baseline reads; empty: every feature. With little to learn from, few and plain ones are harder
    to beat than all."""
    search: Mapping[str, SearchRange] = field(default_factory=dict)
    """LightGBM parameter to the range that tuning searches; empty: this use case cannot be tuned."""

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "parameters", _frozen(self.parameters))
        object.__setattr__(self, "search", _frozen(self.search))
        wrong = wrong_declaration(self.parameters, self.search)
        _require(not wrong, f"Training: {wrong}.")
        least = self.min_train_days + self.validation_days + self.test_days + 2 * self.gap_days
        _require(
            self.window_days >= least,
            f"Training: window_days={self.window_days} cannot hold min_train_days + validation_days + test_days"
            f" + 2 gaps = {least} days.",
        )
        counts = (self.validation_days, self.test_days, self.min_train_days, self.rounds, self.early_stopping_rounds)
        _require(min(counts) >= 1 and self.gap_days >= 0, "Training: days and rounds must be at least 1 (the gap, 0).")

    @property
    def rebuildable_days(self) -> int:
        """Days of the shortest window that the leakage gate can build again: all but the last test day."""
        return self.min_train_days + self.validation_days + max(1, self.test_days - 1)


@dataclass(frozen=True)
class Approval:
    """Who promotes a model that passed its gates: the gates themselves, or a person."""

    required: bool = False
    wait: timedelta = timedelta(days=3)
    """An answer that does not come within this time is a rejection."""

    def __post_init__(self) -> None:
        require_field_types(self)
        clock.require_wait(self.wait, "Approval: wait")


@dataclass(frozen=True)
class UseCase:
    """One model's whole life, declared. Its functions stand beside it, in `package`:

    `source.<feed>(day) -> pyarrow.Table`; `expectations.<feed>() -> Suite`;
    `features.build(day, **feeds) -> ibis.Table`; `features.labels(day, **feeds) -> ibis.Table`.
    """

    name: str
    objective: str
    owner: str
    time_zone: str
    """A day D begins at midnight here; that is its decision time."""
    first_day: date
    look_back_days: int
    """Features of D are built from days D - look_back_days to D."""
    feeds: tuple[Feed, ...]
    keys: tuple[str, ...]
    """Columns that identify one row of features and predictions among those of its period."""
    features: Mapping[str, str]
    """Feature name to type: a number, or `category`."""
    label: Label
    costs: DecisionCosts
    training: Training
    gates: tuple[BaseGate, ...]
    period: str = ""
    """The `date32` key that holds the period a row is about, equal to the partition's day in features and predictions;
    or `PARTITION` where no key does: then `labels` returns one more `date32` column, named `period`. Always declared.
    """
    approval: Approval = Approval()
    monitoring: Monitoring = field(default_factory=Monitoring)
    retraining: Retraining = field(default_factory=Retraining)
    alerts: Alerts = field(default_factory=Alerts)
    retention: Retention = field(default_factory=Retention)
    links: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    """What a person must know wherever they look, such as that data are replayed."""
    package: str = ""
    """Package that holds its functions; empty: the one that declares it."""
    ends_on: date | None = None
    """The last day of data that will never continue, such as a historical table: nothing runs after it."""

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "features", _frozen(self.features))
        object.__setattr__(self, "links", _frozen(self.links))
        object.__setattr__(self, "_names_its_package", bool(self.package))
        object.__setattr__(self, "_declared_in", declaring_module())
        if not self.package:
            object.__setattr__(self, "package", self.declared_in)
        say = f"UseCase({self.name!r}): "
        require_use_case(self.name, self.owner, say)
        clock.require_time_zone(self.time_zone, say)
        clock.require_existing(self.time_zone, self.first_day, f"{say}first_day")
        clock.require_existing(self.time_zone, self.ends_on, f"{say}ends_on")
        _require(
            self.ends_on is None or self.ends_on >= self.first_day,
            say + f"ends_on {self.ends_on} is before first_day {self.first_day}.",
        )
        require_feeds([feed.name for feed in self.feeds], say)
        landing.require_apart({feed.name: feed.landing for feed in self.feeds if feed.landing}, self.first_day, say)
        _require(self.look_back_days >= 0, say + "look_back_days is a number of days from 0.")
        _require(bool(self.keys), say + "declare the keys of a row.")
        wrong = {
            c: t
            for c, t in self.features.items()
            if t not in COLUMN_TYPES - {"string", "date32", TIMESTAMP} | {CATEGORY}
        }
        _require(not wrong, say + f"features {wrong} must be numbers, bool or {CATEGORY!r}.")
        own = [name for name in self.features if name not in self.keys]
        require_columns((*self.keys, *own, self.label.name), say)
        require_columns((*self.keys, self.label.name), say, also_taken=PREDICTION_COLUMNS)
        stray = sorted(set(self.training.baseline_features) - set(self.features))
        _require(not stray, say + f"baseline_features {stray} are no features.")
        self._require_equal_types()
        require_period(self.period, self.key_types(), (*self.features, self.label.name), say)
        try:
            require_gates(self.gates, self._gate_limits())
        except ValueError as error:
            raise ValueError(f"{say}{error}") from None

    def _gate_limits(self) -> GateLimits:
        return GateLimits(self.slice_columns(), self.training.test_days, self.training.rebuildable_days)

    def _require_equal_types(self) -> None:
        """Refuse a feature that is called as a key and has another type: features hold one column of that name."""
        stored = {**self.features} | {name: "string" for name, kind in self.features.items() if kind == CATEGORY}
        other = {n: (kind, stored[n]) for n, kind in self.key_types().items() if stored.get(n, kind) != kind}
        _require(
            not other, f"UseCase({self.name!r}): keys that are features too need one type, not {other}; rename these."
        )

    @property
    def label_keys(self) -> tuple[str, ...]:
        """Columns that identify a row of labels: the keys, and the period where no key holds it."""
        return (*self.keys, PERIOD) if self.period == PARTITION else self.keys

    @property
    def label_period(self) -> str:
        """The column of labels that holds the day of the feature row that a label is about."""
        return PERIOD if self.period == PARTITION else self.period

    @property
    def declared_in(self) -> str:
        """The module whose code built this declaration."""
        return str(self._declared_in)  # type: ignore[attr-defined]

    def slice_columns(self) -> list[str]:
        """Keys and features by whose values rows can be grouped: all but numbers with fractions."""
        kinds = {**self.key_types(), **self.features}
        return [name for name, kind in kinds.items() if not kind.startswith("float")]

    def declare_in(self, module: str) -> None:
        """Take `module` as the package of the functions, unless the declaration names another."""
        if not self._names_its_package:  # type: ignore[attr-defined]
            object.__setattr__(self, "package", module)

    def require(self, day: date) -> None:
        """Check that `day` is a day to run for: from the first on, up to the last, and not yet to come.

        Raises:
            InvalidRequestError: the day lies before `first_day` or after `ends_on`.
            NotBegunError: the day has not begun in the use case's time zone.
        """
        if day < self.first_day:
            raise InvalidRequestError(
                f"{self.name} begins on {self.first_day}; {day} is before it, and nothing was done."
                " Run it for a later day, or declare an earlier first_day."
            )
        if self.ends_on is not None and day > self.ends_on:
            raise InvalidRequestError(
                f"{self.name} ends on {self.ends_on}; {day} is after it, and nothing was done."
                " Run it for an earlier day, or declare a later ends_on."
            )
        start = clock.start_of_day(day, ZoneInfo(self.time_zone))
        if day > self.today() or start is None:
            raise NotBegunError(self.name, day, self.time_zone, self.today(), start, clock.now())

    def today(self) -> date:
        """Return the day that it is now in the use case's time zone."""
        return clock.today(self.time_zone)

    def last_day(self) -> date:
        """Return the newest day that can be run: today, or `ends_on` where that has passed."""
        return self.today() if self.ends_on is None else min(self.today(), self.ends_on)

    def feed(self, name: str) -> Feed:
        """The feed of that name; KeyError if there is none."""
        return next(feed for feed in self.feeds if feed.name == name)

    def key_types(self) -> dict[str, str]:
        """Type of each key column, as the feeds declare it."""
        types: dict[str, str] = {}
        for key in self.keys:
            found = {feed.columns[key] for feed in self.feeds if key in feed.columns}
            _require(len(found) == 1, f"UseCase({self.name!r}): key {key!r} needs one type in the feeds, has {found}.")
            types[key] = found.pop()
            _require(
                types[key] != TIMESTAMP,
                f"UseCase({self.name!r}): key {key!r} is a timestamp; identify a row by a date or a number.",
            )
        return types

    def function(self, module: str, name: str) -> Callable[..., Any]:
        """Return a function of the use case's package, which is imported only now.

        Raises:
            BrokenUseCaseError: the module cannot be imported, or has no such function.
        """
        return load_function(self.name, self.package, module, name)
