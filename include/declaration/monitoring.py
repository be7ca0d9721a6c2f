"""Declare monitoring limits, the retraining policy and alerts.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf
from typing import Any

from include.declaration import clock
from include.declaration.field_types import require_field_types
from include.declaration.gates import BASELINES
from include.declaration.period import Unit
from include.declaration.problems import declared, did_you_mean, require
from include.declaration.span import Span, Spanned
from include.declaration.task import Task
from include.model.metrics import METRICS
from include.monitoring.definitions import DEFAULT_SIGNALS, DEGRADATION, SIGNALS, SKILL_LOSS, WORSE_THAN_BASELINE

RATE_FROM, RATE_TO = 0.1, 6.0
"""Range of a declared number of false alarms a year: lower rates take too long to simulate, and higher ones are limited
by the cool-down."""


def _one_limit(say: str, max_degradation: float | None, rate: float | None, confidence: float) -> None:
    given = (max_degradation is None) + (rate is None)
    require(given == 1, say + "give either max_degradation or false_alarms_per_year, and not both.")
    require(
        max_degradation is None or 0 <= max_degradation < inf,
        say + "max_degradation must be at least 0.",
        field="max_degradation",
    )
    possible = rate is None or RATE_FROM <= rate <= RATE_TO
    problem = say + f"false_alarms_per_year must be between {RATE_FROM:g} and {RATE_TO:g}."
    require(possible, problem, field="false_alarms_per_year")
    require(0.5 <= confidence < 1, say + "confidence must be at least 0.5 and below 1.", field="confidence")


@declared
@dataclass(frozen=True)
class PerformanceLimit:
    """Limit of a model's degradation since its test days, on newest labelled days.

    With a `reference`, the skill is compared: how much better than that baseline the model is on the same rows, now and
    on the test days. Days that are harder for every model then change nothing. Without one, the metric itself is
    compared, and hard days look like decay.
    """

    metric: str
    max_degradation: float | None = None
    """Breached if the degradation, in the metric's unit, is with `confidence` greater than this."""
    false_alarms_per_year: float | None = None
    """Or: how often a year a model without degradation may trigger a training. The confidence for this rate is computed
    by simulation when a version is registered."""
    reference: str | None = "prior"
    """A baseline, or None for the metric itself."""
    confidence: float = 0.95
    """Confidence of the bound that is compared with `max_degradation`; not used with a declared rate."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"PerformanceLimit({self.metric!r}): "
        hint = did_you_mean(self.metric, METRICS)
        require(self.metric in METRICS, say + f"metric must be one of {list(METRICS)}.", field="metric", hint=hint)
        hint = did_you_mean(self.reference or "", BASELINES)
        problem = say + f"reference must be None or one of {list(BASELINES)}."
        require(self.reference in (None, *BASELINES), problem, field="reference", hint=hint)
        _one_limit(say, self.max_degradation, self.false_alarms_per_year, self.confidence)

    @property
    def name(self) -> str:
        """Return the name of the monitored metric that this limits."""
        return f"{SKILL_LOSS if self.reference else DEGRADATION}{self.metric}"

    @property
    def subject(self) -> str:
        """Return the subject of that metric."""
        return self.reference or "model"

    @property
    def limit(self) -> float:
        """Return the value that the lower bound is compared with."""
        return self.max_degradation or 0.0

    def __str__(self) -> str:
        skill = f"lead in {self.metric} over the {self.reference}" if self.reference else self.metric
        if self.max_degradation is not None:
            return f"{skill} at most {self.max_degradation:g} worse than in the test periods"
        return f"{skill} not worse than in the test periods ({_times(self.false_alarms_per_year)})"


@declared
@dataclass(frozen=True)
class BaselineLimit:
    """Limit of a model against a baseline, on the newest days whose labels are known."""

    baseline: str
    metric: str = "log_loss"
    max_degradation: float | None = None
    """Breached if the model is, with `confidence`, worse than the baseline by more than this."""
    false_alarms_per_year: float | None = None
    """Or: how often a year a model exactly as good as the baseline may trigger a training."""
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"BaselineLimit({self.baseline!r}): "
        hint = did_you_mean(self.baseline, BASELINES)
        require(
            self.baseline in BASELINES,
            say + f"baseline must be one of {list(BASELINES)}.",
            field="baseline",
            hint=hint,
        )
        hint = did_you_mean(self.metric, METRICS)
        require(self.metric in METRICS, say + f"metric must be one of {list(METRICS)}.", field="metric", hint=hint)
        _one_limit(say, self.max_degradation, self.false_alarms_per_year, self.confidence)

    @property
    def name(self) -> str:
        """Return the name of the monitored metric that this limits."""
        return f"{WORSE_THAN_BASELINE}{self.metric}"

    @property
    def subject(self) -> str:
        """Return the subject of that metric."""
        return self.baseline

    @property
    def limit(self) -> float:
        """Return the value that the lower bound is compared with."""
        return self.max_degradation or 0.0

    def __str__(self) -> str:
        if self.max_degradation is not None:
            return f"{self.metric} at most {self.max_degradation:g} worse than the {self.baseline}"
        return f"{self.metric} not worse than the {self.baseline} ({_times(self.false_alarms_per_year)})"


Limit = PerformanceLimit | BaselineLimit


def _times(rate: float | None) -> str:
    return f"{rate:g} false alarm{'' if rate == 1 else 's'} a year"


class _Defaults(tuple[Any, ...]):
    """Limits that are not declared: `for_task` replaces them by those of the task."""

    __slots__ = ()


_PERFORMANCE = _Defaults([PerformanceLimit("log_loss", false_alarms_per_year=1)])
_BASELINES = _Defaults(BaselineLimit(each, false_alarms_per_year=1) for each in ("prior", "logistic"))


@declared
@dataclass(frozen=True)
class Monitoring(Spanned):
    """Limits of the daily measurements; a value beyond its limit is a breach."""

    window_periods: Span = Span(14)
    """Performance is judged on this many of the newest days whose labels are known."""
    min_periods: Span = Span(7)
    """With fewer days of labels in the window, performance is not judged."""
    performance: tuple[PerformanceLimit, ...] = _PERFORMANCE
    """Limits of degradation since the test days; the signal `performance`."""
    baselines: tuple[BaselineLimit, ...] = _BASELINES
    """Limits against baselines while the model is champion; the signal `worse_than_baseline`."""
    drift_quantile: float = 0.95
    """Weighted drift and prediction drift breach above this quantile of the drift of single validation and test days:
    the expected performance was measured on such days."""
    drift_factor: float = 1.0
    """Factor of that quantile."""
    prediction_drift_factor: float | None = None
    """Factor for prediction drift; None: `drift_factor`."""
    drift_false_alarms_per_year: float | None = None
    """Or: how often a year each kind of drift may trigger a training although single days differ from the training days
    no more than the validation and test days did. The two factors for this rate are computed when a version is
    registered, and replace those above."""
    feature_psi: float = 0.2
    """A feature's PSI is a breach above this value, above the PSI expected by chance for the number of rows, and above
    the drift of single validation and test days (same quantile and factor). It is displayed and triggers nothing."""
    volume_change: float = 0.5
    """Largest relative difference of a feed's rows from the mean of the look-back days."""
    max_null_increase: float = 0.1
    """Largest increase of a feature's share of nulls over that of the training and of its single validation and test
    periods. A feature that was null in whole periods of these has no limit."""
    max_unseen_share: float = 0.05
    """Largest share of rows with a category that was not in training."""
    max_crossed_share: float = 0.05
    """Largest share of rows whose predicted quantiles cross; only for intervals by quantile models."""
    stale_periods: Span = Span(1)
    """Days by which features, predictions and labels may be older than expected."""
    max_age_periods: Span = Span(60)
    """Days after its training from which a model is old."""
    max_slowdown: float = 3.0
    """Largest ratio of what a step takes (time, processor time, memory) to what is usual for its rows."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = "Monitoring: "
        possible = 0 < self.drift_quantile <= 1
        require(possible, say + "drift_quantile must be above 0 and at most 1.", field="drift_quantile")
        above = (
            "drift_factor",
            "prediction_drift_factor",
            "feature_psi",
            "volume_change",
            "max_slowdown",
        )
        for name in above:
            limit = getattr(self, name)
            require(limit is None or limit > 0, f"{say}{name} must be above 0.", field=name)
        rate = self.drift_false_alarms_per_year
        possible = rate is None or RATE_FROM <= rate <= RATE_TO
        problem = say + f"drift_false_alarms_per_year must be between {RATE_FROM:g} and {RATE_TO:g}."
        require(possible, problem, field="drift_false_alarms_per_year")
        for name in ("max_null_increase", "max_unseen_share", "max_crossed_share"):
            require(getattr(self, name) >= 0, f"{say}{name} must be at least 0.", field=name)
        self.check_counted_spans()
        names = [f"{limit.name} of {limit.subject}" for limit in self.limits]
        require(len(set(names)) == len(names), say + f"a metric may have only one limit; there are {names}.")

    def check_spans(self) -> None:
        """Report a window, a limit of age or one of staleness that cannot work."""
        say = "Monitoring: "
        possible = 2 <= self.min_periods <= self.window_periods
        problem = say + "min_periods must be at least 2 and at most window_periods."
        require(possible, problem, field="min_periods")
        require(self.max_age_periods > 0, say + "max_age_periods must be above 0.", field="max_age_periods")
        require(self.stale_periods >= 0, say + "stale_periods must be at least 0.", field="stale_periods")

    def for_task(self, task: Task) -> Monitoring:
        """Return the limits with the defaults of the task."""
        metric, compared = task.main_metric, task.baselines[:2]
        changes: dict[str, Any] = {}
        if isinstance(self.performance, _Defaults):
            limit = PerformanceLimit(metric, false_alarms_per_year=1, reference=compared[0])
            changes["performance"] = _Defaults([limit])
        if isinstance(self.baselines, _Defaults):
            limits = [BaselineLimit(name, metric, false_alarms_per_year=1) for name in compared]
            changes["baselines"] = _Defaults(limits)
        changes = {name: limits for name, limits in changes.items() if limits != getattr(self, name)}
        return replace(self, **changes) if changes else self

    @property
    def reach_periods(self) -> int:
        """Return in how many periods those of a window are searched."""
        return 2 * self.window_periods

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Return the limits of performance, against the test days and against baselines."""
        return (*self.performance, *self.baselines)


@declared
@dataclass(frozen=True)
class Retraining(Spanned):
    """The policy that triggers trainings in addition to the schedule, and its limits."""

    signals: Sequence[str] = DEFAULT_SIGNALS
    """Any of these triggers a training; empty: no training is ever triggered. `estimated_performance` needs no labels;
    it counts once the estimates of 60 labelled periods have proven right."""
    breaches: int = 3
    of_periods: Span = Span(5)
    """A signal triggers if it was in breach on the newest day and on at least `breaches` of the last `of_periods`
    measured days."""
    cool_down_periods: Span = Span(14)
    """Days after a triggered training in which no other is triggered."""
    per_month: int = 2
    """Largest number of trainings triggered for the days of one calendar month."""
    backoff_factor: float = 2.0
    """The cool-down is multiplied by this after each consecutive challenger that was not promoted."""
    max_cool_down_periods: Span = Span(56)

    def __post_init__(self) -> None:
        require_field_types(self)
        say = "Retraining: "
        object.__setattr__(self, "signals", tuple(self.signals))
        stray = sorted(set(self.signals) - set(SIGNALS))
        hint = did_you_mean(stray, SIGNALS)
        require(not stray, say + f"signals {stray} are not among {list(SIGNALS)}.", field="signals", hint=hint)
        once = say + f"each signal must be named once; they are {list(self.signals)}."
        require(len(set(self.signals)) == len(self.signals), once, field="signals")
        self.check_counted_spans()
        require(self.per_month >= 0, say + "per_month must be at least 0.", field="per_month")
        require(self.backoff_factor >= 1, say + "backoff_factor must be at least 1.", field="backoff_factor")

    def check_spans(self) -> None:
        """Report a cool-down or a number of breaches that cannot work."""
        say = "Retraining: "
        possible = 1 <= self.breaches <= self.of_periods
        require(possible, say + "breaches must be at least 1 and at most of_periods.", field="breaches")
        shortest = say + "cool_down_periods must be at least 1; otherwise, each breach would start a training."
        require(self.cool_down_periods >= 1, shortest, field="cool_down_periods")
        problem = say + "max_cool_down_periods must be at least cool_down_periods."
        require(self.max_cool_down_periods >= self.cool_down_periods, problem, field="max_cool_down_periods")

    @property
    def look_back_periods(self) -> int:
        """Return in how many days the last `of_periods` measured days are searched.

        Measured days before a longer gap are ignored.
        """
        return 3 * self.of_periods

    @property
    def decision_lookback_periods(self) -> int:
        """Return the number of days in which earlier decisions matter for a decision."""
        return max(self.max_cool_down_periods, self.look_back_periods, 31)

    def rules(self, unit: Unit) -> list[str]:
        """Return the policy as text, one rule per line."""
        if not self.signals or not self.per_month:
            return ["No training is ever triggered."]
        names = ", ".join(signal.replace("_", " ") for signal in self.signals)
        return [
            f"Each of these signals can trigger a training: {names}.",
            f"A signal triggers if it was in breach in the {unit.name} itself and in {self.breaches} or more of the"
            f" last"
            f" {unit.counted(self.of_periods, 'measured')} of the same model. {unit.article.capitalize()} without a"
            " judgement is not counted.",
            f"The cool-down between two trainings is at least {unit.counted(self.cool_down_periods)}, also after one"
            f" that failed"
            " or did not start: clear that task to repeat it.",
            f"The cool-down is multiplied by {self.backoff_factor:g} after each consecutive challenger that was not"
            f" promoted, up to {unit.counted(self.max_cool_down_periods)}.",
            f"At most {self.per_month} trainings are triggered for the {unit.name}s of one month.",
        ]


@declared
@dataclass(frozen=True)
class Alerts:
    """Channels and recipients of alerts.

    A channel is used only if its Airflow Connection exists.
    """

    email_to: tuple[str, ...] = ()
    email_from: str = "airworthy@localhost"
    smtp_connection: str = "airworthy_smtp"
    webhook_connection: str = "airworthy_webhook"
    deadline: timedelta = timedelta(hours=4)
    """A scheduled run misses its deadline if it is not done this long after it was queued."""

    def __post_init__(self) -> None:
        require_field_types(self)
        wrong = [address for address in (*self.email_to, self.email_from) if "@" not in address]
        require(not wrong, f"Alerts: {wrong} are not e-mail addresses.")
        clock.require_wait(self.deadline, "Alerts: deadline")
