"""Declare a use case; the declaration is checked when it is built.

Imports nothing heavy: DAG files read declarations when they are parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from include.declaration import clock
from include.declaration.calendars import Calendar, Weekly
from include.declaration.consistency import check_use_case
from include.declaration.data_declaration import DataDeclaration
from include.declaration.exports import Export
from include.declaration.feature_groups import Use, with_group_features
from include.declaration.field_types import frozen, require_field_types, wrong_field_types
from include.declaration.lightgbm_rules import ROUNDS, wrong_declaration
from include.declaration.monitoring import Monitoring, Retraining
from include.declaration.period import Period
from include.declaration.period_column import LABELLED_PERIOD, PARTITION
from include.declaration.problems import declared, declared_whole, report, require
from include.declaration.scoring import Scoring
from include.declaration.span import Span, Spanned
from include.declaration.task import Task
from include.declaration.training_engine import Dask
from include.evaluation.gates.base import BaseGate

_MONDAYS = Weekly()


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
    engine: Dask | None = None
    """Where the trees are trained: None, in the process of the task; `Dask(…)`, on several workers, for train rows that
    one process cannot hold."""

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "parameters", frozen(self.parameters))
        object.__setattr__(self, "search_space", frozen(self.search_space))
        object.__setattr__(self, "monotone", frozen(self.monotone))
        for wrong in wrong_declaration(self.parameters, self.search_space):
            report(replace(wrong, problem=f"Training: {wrong.problem}"))
        self.check_counted_spans()
        for name, allowed in ROUNDS.items():
            value = getattr(self, name)
            require(allowed.holds(value), f"Training: {name} must be {allowed}, not {value!r}.", field=name)
        for name, direction in self.monotone.items():
            problem = f"Training: monotone[{name!r}] must be 1 or -1, not {direction!r}."
            require(direction in (1, -1), problem, field=f"monotone[{name!r}]")
        problem = "Training: search_space cannot be searched with an engine: a search fits in one process."
        hint = "Search on fewer periods without an engine, and declare the parameters that it chose."
        require(self.engine is None or not self.search_space, problem, field="search_space", hint=hint)

    def check_spans(self) -> None:
        """Report windows that cannot work."""
        for name in ("validation_periods", "test_periods", "min_train_periods"):
            require(getattr(self, name) >= 1, f"Training: {name} must be at least 1.", field=name)
        require(self.gap_periods >= 0, "Training: gap_periods must be at least 0.", field="gap_periods")
        require(
            self.window_periods >= self.least_window,
            f"Training: window_periods={self.window_periods} cannot hold min_train_periods + validation_periods +"
            f" test_periods + 2 gaps = {self.least_window}.",
            field="window_periods",
        )
        if self.engine is not None:
            parts = self.engine.parts
            problem = f"Training: {parts} partitions need as many train periods, and min_train_periods is"
            problem += f" {self.min_train_periods}."
            hint = "Declare fewer partitions, or a larger min_train_periods."
            require(parts <= self.min_train_periods, problem, field="engine", hint=hint)

    @property
    def least_window(self) -> int:
        """Return the number of periods of the shortest window that holds the declared splits."""
        return self.min_train_periods + self.validation_periods + self.test_periods + 2 * self.gap_periods

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
@dataclass(frozen=True, kw_only=True)
class UseCase(DataDeclaration):
    """The declaration of one prediction task. Its functions are in modules of `package`:

    `source.<feed>(period) -> pyarrow.Table` (or a frame, or an iterator of tables); `expectations.<feed>() -> Suite`;
    `features.build(period, **feeds) -> ibis.Table`; `features.labels(period, **feeds) -> ibis.Table`.
    """

    objective: str
    out_of_scope: tuple[str, ...] = ()
    """Uses for which the predictions are not made, a sentence each; the model card lists them."""
    look_back_periods: Span = Span()  # again: mypy takes an inherited field for what may be assigned to it
    label: Label
    task: Task
    """What is predicted: `Binary(…)`, `Regression(…)` or `Multiclass(…)`."""
    training: Training
    gates: tuple[BaseGate, ...]
    score_schedule: Calendar | None = None
    """A coarser calendar by which periods are scored, as `Training.schedule`; None: every period is."""
    scoring: Scoring = field(default_factory=Scoring)
    approval: Approval = Approval()
    monitoring: Monitoring = field(default_factory=Monitoring)
    retraining: Retraining = field(default_factory=Retraining)
    exports: tuple[Export, ...] = ()
    """Where predictions are delivered after scoring: `ToSql`, `ToFiles` and `Webhook`."""
    feature_groups: tuple[Use, ...] = ()
    """Shared feature groups whose features are joined to those of `build`."""

    def __post_init__(self) -> None:
        unusable = wrong_field_types(self)
        if not {"features", "feature_groups"} & unusable:
            object.__setattr__(self, "features", with_group_features(self.features, self.feature_groups))
        self.freeze(unusable)
        if not {"task", "monitoring"} & unusable:
            object.__setattr__(self, "monitoring", self.monitoring.for_task(self.task))
        if not {"task", "gates"} & unusable:
            object.__setattr__(self, "gates", tuple(gate.for_task(self.task) for gate in self.gates))
        check_use_case(self, unusable)

    @property
    def label_keys(self) -> tuple[str, ...]:
        """Return the columns that identify a row of labels: the keys, and the period if no key holds it."""
        return (*self.keys, LABELLED_PERIOD) if self.period == PARTITION else self.keys

    @property
    def label_period(self) -> str:
        """Return the column of labels with the day of the feature row."""
        return LABELLED_PERIOD if self.period == PARTITION else self.period

    @property
    def season_lag(self) -> int | None:
        """Return how many periods earlier the seasonal baseline's label lies, or None."""
        return self.task.season_lag(self.label.label_delay_periods)

    def labels_since(self, first: Period) -> Period:
        """Return the first period whose labels a training on features from `first` on reads."""
        return first - (self.season_lag or 0)

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

    def slice_columns(self) -> list[str]:
        """Return the keys and features that can define slices: all but floats and personal columns."""
        kinds = {**self.key_types(), **self.features}
        personal = self.personal_columns
        return [name for name, kind in kinds.items() if not kind.startswith("float") and name not in personal]
