"""Declare a use case; the declaration is checked when it is built.

Imports nothing heavy: DAG files read declarations when they are parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from include.declaration import clock
from include.declaration.calendars import Calendar, Daily, Weekly
from include.declaration.column_types import COLUMN_TYPES, TIMESTAMP
from include.declaration.consistency import check_use_case
from include.declaration.exports import Export
from include.declaration.feature_groups import Use, own_features, with_group_features
from include.declaration.field_types import require_field_types, wrong_field_types
from include.declaration.landing import LandingBucket
from include.declaration.lightgbm_rules import ROUNDS, wrong_declaration
from include.declaration.monitoring import Alerts, Monitoring, Retraining
from include.declaration.names import require_columns, require_distinct_columns
from include.declaration.origin import declaring_module, find_function, load_function
from include.declaration.period import Period
from include.declaration.period_column import LABELLED_PERIOD, PARTITION
from include.declaration.problems import declared, declared_whole, did_you_mean, report, require
from include.declaration.retention import Retention
from include.declaration.sources import Source, require_source
from include.declaration.span import Span, Spanned, count_spans
from include.declaration.task import Task
from include.errors import AfterLastPeriodError, BeforeFirstPeriodError, NotBegunError
from include.evaluation.gates.base import BaseGate

_DAYS, _MONDAYS = Daily(), Weekly()
KNOWN_AT_TYPES = ("date32", TIMESTAMP)


def _frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


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

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "columns", _frozen(self.columns))
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
        """Return the bucket in which the feed's files are awaited; None for every other source."""
        return self.source if isinstance(self.source, LandingBucket) else None


@declared
@dataclass(frozen=True)
class Label(Spanned):
    """The predicted outcome: a column of `labels` in features.py, with values as the task needs them."""

    name: str
    meaning: str
    label_delay_periods: Span = Span()
    """Days after which the labels of a day are complete."""

    def __post_init__(self) -> None:
        require_field_types(self)
        self.check_counted_spans()

    def check_spans(self) -> None:
        """Report a delay below 1 period."""
        problem = f"Label({self.name!r}): label_delay_periods must be at least 1: a label is known after its period."
        require(self.label_delay_periods >= 1, problem, field="label_delay_periods")


@declared
@dataclass(frozen=True)
class SearchRange:
    """A range of a LightGBM parameter for tuning, both ends included; whole numbers if both ends are."""

    low: float
    high: float
    log: bool = False
    """Whether to sample on a logarithmic scale."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"SearchRange({self.low:g}, {self.high:g}): "
        require(self.low < self.high, say + "low must be below high.", field="low")
        require(not self.log or self.low > 0, say + "a logarithmic scale needs low above 0.", field="low")

    @property
    def whole(self) -> bool:
        """Return whether the range has whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@declared
@dataclass(frozen=True)
class Training(Spanned):
    """Training as of a day T: days with mature labels, split by time into train, validation and test."""

    parameters: Mapping[str, int | float | str | bool]
    """LightGBM parameters; the trainer sets seeds, threads and determinism."""
    num_boost_round: int
    early_stopping_rounds: int
    window_periods: Span = Span()
    validation_periods: Span = Span()
    test_periods: Span = Span()
    gap_periods: Span = Span()
    """Periods left out between train and validation, and between validation and test."""
    min_train_periods: Span = Span()
    seed: int = 20130101
    baseline_features: tuple[str, ...] = ()
    """Features of the logistic or linear baseline; empty: all. With few training rows, a few simple features make a
    stronger baseline than all."""
    search_space: Mapping[str, SearchRange] = field(default_factory=dict)
    """LightGBM parameter to the range that tuning searches; empty: no tuning."""
    sample_weight: str | None = None
    """The feature that says how much a row counts in the loss of the trees; a number of at least 0. Baselines and
    metrics count each row once."""
    schedule: Calendar | None = _MONDAYS
    """When trainings are due: for the first period that begins with a period of this calendar, or after its beginning.
    None: only by hand and by the retraining policy."""
    monotone: Mapping[str, int] = field(default_factory=dict)
    """Feature to 1 if the prediction may only rise with it, or -1 if it may only fall."""

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "parameters", _frozen(self.parameters))
        object.__setattr__(self, "search_space", _frozen(self.search_space))
        object.__setattr__(self, "monotone", _frozen(self.monotone))
        for wrong in wrong_declaration(self.parameters, self.search_space):
            report(replace(wrong, problem=f"Training: {wrong.problem}"))
        self.check_counted_spans()
        for name, allowed in ROUNDS.items():
            value = getattr(self, name)
            require(allowed.holds(value), f"Training: {name} must be {allowed}, not {value!r}.", field=name)
        for name, direction in self.monotone.items():
            problem = f"Training: monotone[{name!r}] must be 1 or -1, not {direction!r}."
            require(direction in (1, -1), problem, field=f"monotone[{name!r}]")

    def check_spans(self) -> None:
        """Report windows that cannot work."""
        for name in ("validation_periods", "test_periods", "min_train_periods"):
            require(getattr(self, name) >= 1, f"Training: {name} must be at least 1.", field=name)
        require(self.gap_periods >= 0, "Training: gap_periods must be at least 0.", field="gap_periods")
        least = self.min_train_periods + self.validation_periods + self.test_periods + 2 * self.gap_periods
        require(
            self.window_periods >= least,
            f"Training: window_periods={self.window_periods} cannot hold min_train_periods + validation_periods +"
            f" test_periods + 2 gaps = {least}.",
            field="window_periods",
        )

    @property
    def rebuildable_periods(self) -> int:
        """Return the days of the shortest window that the leakage gate can rebuild: all but the last test day."""
        return self.min_train_periods + self.validation_periods + max(1, self.test_periods - 1)


@declared
@dataclass(frozen=True)
class Approval:
    """Whether a person must approve the promotion of a model that passed its gates."""

    required: bool = False
    wait: timedelta = timedelta(days=3)
    """Time to answer; without an answer the model is rejected."""

    def __post_init__(self) -> None:
        require_field_types(self)
        clock.require_wait(self.wait, "Approval: wait")


@declared_whole
@dataclass(frozen=True)
class UseCase:
    """The declaration of one prediction task. Its functions are in modules of `package`:

    `source.<feed>(period) -> pyarrow.Table` (or a frame, or an iterator of tables); `expectations.<feed>() -> Suite`;
    `features.build(period, **feeds) -> ibis.Table`; `features.labels(period, **feeds) -> ibis.Table`.
    """

    name: str
    objective: str
    owner: str
    time_zone: str
    """The zone of local days and weeks, and of their decision times."""
    first_period: Period
    feeds: tuple[Feed, ...]
    keys: tuple[str, ...]
    """Columns that identify one row of features and predictions among those of its period."""
    features: Mapping[str, str]
    """Feature name to type: a number, or `category`; or `Feature(type, description=…, owner=…)`. Features of
    `feature_groups` are added to them."""
    label: Label
    task: Task
    """What is predicted: `Binary(…)`, `Regression(…)` or `Multiclass(…)`."""
    training: Training
    gates: tuple[BaseGate, ...]
    look_back_periods: Span = Span()
    """Features of D are built from periods D - look_back_periods to D."""
    period: str = ""
    """The key that holds the start of a row's period, equal to the partition's in features and predictions: a `date32`,
    or a `timestamp` of an hourly calendar. Or `PARTITION` if no key does: then `labels` also returns such a column,
    `labelled_period`. Required."""
    calendar: Calendar = _DAYS
    """What a period is, and when it is decided: `Daily(at=…)`, `Hourly()` or `Weekly(on=…, at=…)`."""
    score_schedule: Calendar | None = None
    """A coarser calendar by which periods are scored, as `Training.schedule`; None: every period is."""
    approval: Approval = Approval()
    monitoring: Monitoring = field(default_factory=Monitoring)
    retraining: Retraining = field(default_factory=Retraining)
    alerts: Alerts = field(default_factory=Alerts)
    retention: Retention = field(default_factory=Retention)
    exports: tuple[Export, ...] = ()
    """Where predictions are delivered after scoring: `ToSql`, `ToFiles` and `Webhook`."""
    links: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    """A notice shown on every page, such as that data are replayed."""
    package: str = ""
    """Package of the functions; empty: the one that declares the use case."""
    last_period: Period | None = None
    """Last day of data that end, such as a historical table: nothing runs after it."""
    feature_groups: tuple[Use, ...] = ()
    """Shared feature groups whose features are joined to those of `build`."""

    def __post_init__(self) -> None:
        unusable = wrong_field_types(self)
        if not {"features", "feature_groups"} & unusable:
            object.__setattr__(self, "features", with_group_features(self.features, self.feature_groups))
        for name in {"features", "links"} - unusable:
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        object.__setattr__(self, "_names_its_package", bool(self.package))
        object.__setattr__(self, "_declared_in", declaring_module())
        if not self.package:
            object.__setattr__(self, "package", self.declared_in)
        if "calendar" not in unusable:
            count_spans(self, self.calendar.count, in_place=True)
        if not {"task", "monitoring"} & unusable:
            object.__setattr__(self, "monitoring", self.monitoring.for_task(self.task))
        if not {"task", "gates"} & unusable:
            object.__setattr__(self, "gates", tuple(gate.for_task(self.task) for gate in self.gates))
        check_use_case(self, unusable)

    @property
    def own_features(self) -> dict[str, str]:
        """Return the features that `build` returns, without those of feature groups."""
        return own_features(self.features)

    @property
    def has_labels(self) -> bool:
        """Return whether labels become known; a feature group has none."""
        return True

    @property
    def label_keys(self) -> tuple[str, ...]:
        """Return the columns that identify a row of labels: the keys, and the period if no key holds it."""
        return (*self.keys, LABELLED_PERIOD) if self.period == PARTITION else self.keys

    @property
    def label_period(self) -> str:
        """Return the column of labels with the day of the feature row."""
        return LABELLED_PERIOD if self.period == PARTITION else self.period

    @property
    def declared_in(self) -> str:
        """Return the module whose code built this declaration."""
        return str(self._declared_in)  # type: ignore[attr-defined]

    @property
    def season_lag(self) -> int | None:
        """Return how many periods earlier the seasonal baseline's label lies, or None."""
        return self.task.season_lag(self.label.label_delay_periods)

    def labels_since(self, first: Period) -> Period:
        """Return the first period whose labels a training on features from `first` on reads."""
        return first - (self.season_lag or 0)

    def slice_columns(self) -> list[str]:
        """Return the keys and features that can define slices: all but floats."""
        kinds = {**self.key_types(), **self.features}
        return [name for name, kind in kinds.items() if not kind.startswith("float")]

    def declare_in(self, module: str) -> None:
        """Set `module` as the package of the functions, unless the declaration names another."""
        if not self._names_its_package:  # type: ignore[attr-defined]
            object.__setattr__(self, "package", module)

    def require(self, period: Period) -> None:
        """Check that `period` can be run: between the first and last period, and not in the future.

        Raises:
            PeriodError: the period is none of the calendar.
            BeforeFirstPeriodError: the period is before `first_period`.
            AfterLastPeriodError: the period is after `last_period`.
            NotBegunError: the day has not begun in the use case's time zone.
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
        """Return the instant (UTC) at which a period begins; None if the time zone skipped the period."""
        return self.calendar.decision_time_if_any(period, self.zone)

    def newest_period(self) -> Period:
        """Return the newest day that can be run: today, or `last_period` if that is earlier."""
        return self.today() if self.last_period is None else min(self.today(), self.last_period)

    def is_due(self, period: Period, schedule: Calendar | None) -> bool:
        """Return whether a run of the period is due by a schedule; None: each is."""
        return schedule is None or self.calendar.is_due(schedule, period, self.zone)

    def is_scored(self, period: Period) -> bool:
        """Return whether the period is due for scoring."""
        return self.is_due(period, self.score_schedule)

    def newest_scored(self, period: Period) -> Period | None:
        """Return the newest period up to this one that is due for scoring; None if there is none."""
        while period >= self.first_period:
            if self.is_scored(period):
                return period
            period -= 1
        return None

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
        """Import a module of the use case's package, and return one of its functions.

        Raises:
            BrokenUseCaseError: the module cannot be imported, or has no such function.
        """
        return load_function(self.name, self.package, module, name)

    def find_function(self, module: str, name: str) -> Callable[..., Any] | None:
        """Return a function of a module of the use case's package; None if it has none.

        Raises:
            BrokenUseCaseError: the module cannot be imported.
        """
        return find_function(self.name, self.package, module, name)
