"""Monitoring and retraining, as a use case declares them: what is worth a look, what is worth a training, who is told.

Imports nothing heavy, as use_case.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import inf

from include.declaration import clock
from include.declaration.field_types import require_field_types
from include.declaration.gates import BASELINES
from include.declaration.problems import declared, did_you_mean, require
from include.model.metrics import METRICS
from include.monitoring.definitions import SIGNALS, SKILL_LOSS, WORSE, WORSE_THAN_BASELINE

RATE_FROM, RATE_TO = 0.1, 6.0
"""False alarms a year that can be declared: what is rarer takes too long to simulate, what is more frequent runs into
the cool-down."""


def _one_limit(say: str, max_degradation: float | None, rate: float | None, confidence: float) -> None:
    given = (max_degradation is None) + (rate is None)
    require(given == 1, say + "give exactly one of max_degradation (a number) and false_alarms_per_year (a rate).")
    require(max_degradation is None or 0 <= max_degradation < inf, say + "max_degradation is a number from 0 on.")
    possible = rate is None or RATE_FROM <= rate <= RATE_TO
    require(possible, say + f"false_alarms_per_year lies between {RATE_FROM:g} and {RATE_TO:g}.")
    require(0.5 <= confidence < 1, say + "confidence is at least 0.5 and below 1.")


@declared
@dataclass(frozen=True)
class PerformanceLimit:
    """How much a model may lose against its test days, on the newest days whose labels are known.

    With a `reference`, what is compared is skill: how much better than that baseline the model is on the same rows, now
    and on the test days. Days that are harder for everybody then change nothing. Without one, the metric itself is
    compared, and hard days look like decay.
    """

    metric: str
    max_degradation: float | None = None
    """Breached where the loss, in the metric's unit, is with `confidence` greater than this."""
    false_alarms_per_year: float | None = None
    """Or: how often a year a model that has lost nothing may trigger a training. The confidence that keeps to this is
    computed by simulation when a version is registered."""
    reference: str | None = "prior"
    """A baseline, or None for the metric itself."""
    confidence: float = 0.95
    """Of the bound that is held against `max_degradation`; a declared rate has its own."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"PerformanceLimit({self.metric!r}): "
        hint = did_you_mean(self.metric, METRICS)
        require(self.metric in METRICS, say + f"there are {list(METRICS)}.", field="metric", hint=hint)
        hint = did_you_mean(self.reference or "", BASELINES)
        problem = say + f"reference is None or one of {list(BASELINES)}."
        require(self.reference in (None, *BASELINES), problem, field="reference", hint=hint)
        _one_limit(say, self.max_degradation, self.false_alarms_per_year, self.confidence)

    @property
    def name(self) -> str:
        """The monitoring metric that shows it."""
        return f"{SKILL_LOSS if self.reference else WORSE}{self.metric}"

    @property
    def subject(self) -> str:
        """The subject of that metric."""
        return self.reference or "model"

    @property
    def limit(self) -> float:
        """What the lower bound is held against."""
        return self.max_degradation or 0.0

    def __str__(self) -> str:
        skill = f"lead in {self.metric} over the {self.reference}" if self.reference else self.metric
        if self.max_degradation is not None:
            return f"{skill} at most {self.max_degradation:g} worse than on the test days"
        return f"{skill} not worse than on the test days ({_times(self.false_alarms_per_year)})"


@declared
@dataclass(frozen=True)
class BaselineLimit:
    """A baseline that the model must not be worse than, on the newest days whose labels are known."""

    baseline: str
    metric: str = "log_loss"
    max_degradation: float | None = None
    """Breached where the model is, with `confidence`, worse than the baseline by more than this."""
    false_alarms_per_year: float | None = None
    """Or: how often a year a model that is exactly as good as the baseline may trigger a training."""
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"BaselineLimit({self.baseline!r}): "
        hint = did_you_mean(self.baseline, BASELINES)
        require(
            self.baseline in BASELINES, say + f"there are the baselines {list(BASELINES)}.", field="baseline", hint=hint
        )
        hint = did_you_mean(self.metric, METRICS)
        require(self.metric in METRICS, say + f"metric is one of {list(METRICS)}.", field="metric", hint=hint)
        _one_limit(say, self.max_degradation, self.false_alarms_per_year, self.confidence)

    @property
    def name(self) -> str:
        """The monitoring metric that shows it."""
        return f"{WORSE_THAN_BASELINE}{self.metric}"

    @property
    def subject(self) -> str:
        """The subject of that metric."""
        return self.baseline

    @property
    def limit(self) -> float:
        """What the lower bound is held against."""
        return self.max_degradation or 0.0

    def __str__(self) -> str:
        if self.max_degradation is not None:
            return f"{self.metric} at most {self.max_degradation:g} worse than the {self.baseline}"
        return f"{self.metric} not worse than the {self.baseline} ({_times(self.false_alarms_per_year)})"


Limit = PerformanceLimit | BaselineLimit


def _times(rate: float | None) -> str:
    return f"{rate:g} false alarm{'' if rate == 1 else 's'} a year"


@declared
@dataclass(frozen=True)
class Monitoring:
    """What is measured each day, and from where on it is a breach."""

    window_periods: int = 14
    """Performance is judged on this many of the newest days whose labels are known."""
    min_periods: int = 7
    """With fewer days of labels in the window, performance is not judged."""
    performance: tuple[PerformanceLimit, ...] = (PerformanceLimit("log_loss", false_alarms_per_year=1),)
    """What a model may lose against its test days; the signal `performance`."""
    baselines: tuple[BaselineLimit, ...] = tuple(BaselineLimit(each, false_alarms_per_year=1) for each in BASELINES)
    """What it must not be worse than in flight; the signal `worse_than_baseline`."""
    drift_quantile: float = 0.95
    """Weighted drift and prediction drift breach above this quantile of what single validation and test days showed:
    for such days the promise was measured."""
    drift_factor: float = 1.0
    """That quantile is taken this many times."""
    prediction_drift_factor: float | None = None
    """The same for prediction drift alone; None: as `drift_factor`."""
    drift_false_alarms_per_year: float | None = None
    """Or: how often a year each kind of drift may trigger a training though single days differ from the train days no
    more than the validation and test days did. The two multiples that keep to this are computed when a version is
    registered, and those above are not used."""
    feature_psi: float = 0.2
    """A feature's PSI above this, above what so few rows show by chance, and above what single validation and test days
    showed (by the same quantile and times), is a breach: shown, never acted upon."""
    volume_change: float = 0.5
    """Rows of a feed may differ from the mean of the look-back days by this share of it."""
    max_null_increase: float = 0.1
    """A feature's share of nulls may exceed the training's by this much."""
    unseen: float = 0.05
    """The largest share of rows whose category training never saw."""
    stale_periods: int = 1
    """Features, predictions and labels may be this many days older than they should be."""
    max_age_days: int = 60
    """From this many days after it was trained on, a model is old."""
    slower: float = 3.0
    """Training and scoring may take this many times as long, row for row, as they usually do."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = "Monitoring: "
        require(
            2 <= self.min_periods <= self.window_periods, say + "min_periods is 2 or more, and at most window_periods."
        )
        require(0 < self.drift_quantile <= 1, say + "drift_quantile lies above 0, up to 1.")
        numbers = (self.drift_factor, self.feature_psi, self.volume_change, self.max_age_days, self.slower)
        require(min(numbers) > 0, say + "limits are above 0.")
        require(self.prediction_drift_factor is None or self.prediction_drift_factor > 0, say + "limits are above 0.")
        rate = self.drift_false_alarms_per_year
        possible = rate is None or RATE_FROM <= rate <= RATE_TO
        require(possible, say + f"drift_false_alarms_per_year lies between {RATE_FROM:g} and {RATE_TO:g}.")
        require(
            min(self.max_null_increase, self.unseen, self.stale_periods) >= 0, say + "limits are numbers from 0 on."
        )
        names = [f"{limit.name} of {limit.subject}" for limit in self.limits]
        require(len(set(names)) == len(names), say + f"each metric has one limit; there are {names}.")

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Every limit of performance, against the test days and against baselines."""
        return (*self.performance, *self.baselines)


@declared
@dataclass(frozen=True)
class Retraining:
    """When a model is trained anew besides the schedule, and how often at most."""

    signals: Sequence[str] = SIGNALS
    """Any one of these asks for a training; none: no training is ever triggered."""
    breaches: int = 3
    of_periods: int = 5
    """A signal asks where it broke on the newest day and on at least `breaches` of the last `of_periods` measured
    days."""
    cool_down_periods: int = 14
    """No training is triggered within so many days of the last one."""
    per_month: int = 2
    """Trainings that may be triggered for days of one calendar month."""
    backoff_factor: float = 2.0
    """The cool-down is so many times as long after each challenger in a row that was not promoted."""
    max_cool_down_periods: int = 56

    def __post_init__(self) -> None:
        require_field_types(self)
        say = "Retraining: "
        object.__setattr__(self, "signals", tuple(self.signals))
        stray = sorted(set(self.signals) - set(SIGNALS))
        hint = did_you_mean(stray, SIGNALS)
        require(not stray, say + f"signals {stray} are none of {list(SIGNALS)}.", field="signals", hint=hint)
        require(len(set(self.signals)) == len(self.signals), say + f"a signal is named twice in {list(self.signals)}.")
        require(1 <= self.breaches <= self.of_periods, say + "breaches is 1 or more, and at most of_periods.")
        require(self.cool_down_periods >= 1, say + "cool_down_periods is 1 or more, or each breach would train.")
        require(self.per_month >= 0, say + "per_month is a number from 0 on.")
        require(self.backoff_factor >= 1, say + "backoff_factor is 1 or more.")
        longest = self.max_cool_down_periods
        require(longest >= self.cool_down_periods, say + "max_cool_down_periods is at least cool_down_periods.")

    @property
    def look_back_periods(self) -> int:
        """The last `of_periods` measured days are looked for among so many days: before a longer gap, nothing
        counts."""
        return 3 * self.of_periods

    @property
    def decision_lookback_periods(self) -> int:
        """How far back a decision looks for earlier ones: beyond it, nothing that was decided matters."""
        return max(self.max_cool_down_periods, self.look_back_periods, 31)

    def rules(self) -> list[str]:
        """The policy in words, a line each."""
        if not self.signals or not self.per_month:
            return ["No training is ever triggered."]
        names = ", ".join(signal.replace("_", " ") for signal in self.signals)
        return [
            f"Any of these asks for a training: {names}.",
            f"A signal asks where it broke on the day itself and on {self.breaches} or more of the last"
            f" {self.of_periods} measured days of the same model. A day that was not judged counts neither way.",
            f"At least {self.cool_down_periods} days lie between two trainings, also after one that failed or was not"
            " started: clearing it makes up for it.",
            f"They are {self.backoff_factor:g} times as many after each challenger in a row that was not promoted, but"
            f" never more than {self.max_cool_down_periods}.",
            f"At most {self.per_month} trainings are triggered for the days of one month.",
        ]


@declared
@dataclass(frozen=True)
class Alerts:
    """Who is told of what; each way is used where its Airflow Connection exists, and quiet where it does not."""

    email_to: tuple[str, ...] = ()
    email_from: str = "airworthy@localhost"
    smtp_connection: str = "airworthy_smtp"
    webhook_connection: str = "airworthy_webhook"
    deadline: timedelta = timedelta(hours=4)
    """A scheduled run that is not done this long after it was queued has missed its deadline."""

    def __post_init__(self) -> None:
        require_field_types(self)
        wrong = [address for address in (*self.email_to, self.email_from) if "@" not in address]
        require(not wrong, f"Alerts: {wrong} are no e-mail addresses.")
        clock.require_wait(self.deadline, "Alerts: deadline")
