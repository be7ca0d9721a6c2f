"""Define every monitored metric once: its words, unit, category, limit, chart and Prometheus series.

The page, the alerts, the status line, the exporter, the retraining signals and the table in docs/monitoring.md read
this list. A name may end in `<metric>`, which stands for an evaluation metric of `include/model/metrics.py`. To add a
metric, add one `MonitoringMetric` to `_DEFINED` and the row that the test of this module asks for to the docs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from include.model.metrics import METRICS, SUMMARY

Category = Literal["performance", "drift", "data", "scoring", "staleness", "feature"]
"""What a breach is about, the gravest first. A breach of `feature` alone asks for nothing."""
Signal = Literal["performance", "worse_than_baseline", "weighted_drift", "prediction_drift", "model_age"]
"""What can ask for a training."""
SIGNALS: tuple[Signal, ...] = get_args(Signal)
Chart = Literal["performance", "heat", "limited", "rates", "volumes", "quarantine"]
"""Charts of the page; `limited` draws one metric against its limit."""
Unit = Literal["rows", "days", "share", "psi", "per year", "metric", ""]
"""`share` is a number where 1 is the whole; `metric` is the evaluation metric's own unit."""
ADVICE: Mapping[Category, str] = {
    "performance": "The model has lost what it showed on its test days, or is worse than a baseline: the decision of"
    " {use_case}__retrain for this day says whether"
    " a new one is trained, and why. A rollback is one form away: {use_case}__rollback.",
    "drift": "What comes in, or the predictions, differ from what the model was tested on: look at the page for the"
    " features that moved most, and at {use_case}__retrain for the decision.",
    "data": "Rows, nulls or categories changed at the source: read the day's Data Docs, ask the source's owner, and run"
    " {use_case}__data for the day again once it is mended.",
    "scoring": "The day's predictions are not those of its features: run {use_case}__score for the day again.",
    "staleness": "Something does not arrive: look for failed or waiting runs of {use_case}__data and {use_case}__score;"
    " an old model is trained anew by {use_case}__train.",
    "feature": "A single feature moved; it asks for nothing by itself.",
}
"""What to do about a breach of each category."""


@dataclass(frozen=True, kw_only=True)
class MonitoringMetric:
    """One monitored metric, or one for each evaluation metric where its name ends in `<metric>`."""

    name: str
    subject: str
    """What its rows are about: one subject, or a kind of subjects in angle brackets."""
    label: str
    """Its name in a sentence or a legend."""
    unit: Unit
    category: Category
    meaning: str
    """A sentence for Prometheus and the docs."""
    limit: str = ""
    """When it is a breach, for the docs; empty where it has no limit."""
    limit_parameters: tuple[str, ...] = ()
    """The fields of the declared `Monitoring` that say its limit."""
    breach: str = ""
    """A sentence for a value; may hold {subject}, {metric}, {value}, {share}, {limit}, and of a comparison {days},
    {direction} and {bound}."""
    breach_of: Mapping[str, str] = field(default_factory=dict)
    """The sentence for single subjects, where it differs."""
    directions: tuple[str, str] = ("", "")
    """The words of a comparison for a value from 0 on, and for one below 0."""
    chart: Chart | None = None
    chart_hint: str = ""
    """What a reader of its own chart must know."""
    explains: tuple[Chart, ...] = ()
    """Other charts whose absence its state explains."""
    series: str = ""
    """The Prometheus name, without `airworthy_`; empty for a row of the series `figure` or `realised`."""
    signal: Signal | None = None
    """The signal that it shows: it can trigger a training."""
    signal_subject: str = ""
    """The one subject that shows the signal; empty where every row with a limit does."""
    needed_for_drift: bool = False
    """Whether nobody knows about drift where it could not be measured."""

    @property
    def is_pattern(self) -> bool:
        """Whether it stands for one metric per evaluation metric."""
        return self.name.endswith(_ANY)

    @property
    def prefix(self) -> str:
        """What the names of its rows begin with."""
        return self.name.removesuffix(_ANY)

    @property
    def is_comparison(self) -> bool:
        """Whether it compares performance, so that a lower bound is held against its limit."""
        return self.category == "performance" and bool(self.limit)

    def is_explained_on(self, *charts: Chart) -> bool:
        """Return whether the state of a row explains why one of these charts is not there."""
        return self.chart in charts or any(chart in charts for chart in self.explains)


_ANY = "<metric>"
_TEST_DAYS_QUANTILE = (
    "`drift_factor` × the `drift_quantile` of what"
    " [the validation and test days showed](decisions/0019-drift-beyond-what-the-test-days-showed.md)"
)
WORSE, SKILL_LOSS, WORSE_THAN_BASELINE = "worse/", "skill_loss/", "worse_than_baseline/"
"""First parts of the names of the comparisons: with the model's own test days, of the lead over a baseline with that on
the test days, and with a baseline on the same days."""
WINDOW, EXPECTED = "window/", "promise/"
STALENESS = "staleness"
"""Days; the exporter counts the age on to the moment that it is asked."""
FALSE_ALARMS = "false_alarms_per_year"
"""Says how often a year a limit breaks falsely; its subject is the limit's label."""
_DEFINED = (
    MonitoringMetric(
        name="rows",
        subject="<table>",
        label="rows",
        unit="rows",
        category="data",
        meaning="Rows of the newest measured day.",
        explains=("volumes",),
        series="rows",
    ),
    MonitoringMetric(
        name="published",
        subject="<feed>",
        label="published",
        unit="rows",
        category="data",
        meaning="Rows of a feed that passed its expectations.",
        chart="volumes",
        series="published_rows",
        needed_for_drift=True,
    ),
    MonitoringMetric(
        name="quarantined",
        subject="<feed>",
        label="quarantined",
        unit="rows",
        category="data",
        meaning="Rows of a feed that were set aside.",
        chart="volumes",
        series="quarantined_rows",
    ),
    MonitoringMetric(
        name="quarantined_by_reason",
        subject="<feed>: <reason>",
        label="quarantined by reason",
        unit="rows",
        category="data",
        meaning="Rows of a feed that were set aside, by reason.",
        chart="quarantine",
        series="quarantined_by_reason_rows",
    ),
    MonitoringMetric(
        name="volume_change",
        subject="<feed>",
        label="volume change",
        unit="share",
        category="data",
        meaning="Rows of a feed against the mean of the days before, minus one.",
        limit="more than `volume_change` either way",
        limit_parameters=("volume_change",),
        breach="Rows of {subject} changed by {share}{limit}.",
        explains=("volumes",),
        series="volume_change_ratio",
    ),
    MonitoringMetric(
        name="null_share",
        subject="<feature>",
        label="null share",
        unit="share",
        category="data",
        meaning="Share of rows in which the feature is null.",
        limit="`max_null_increase` over the training's share",
        limit_parameters=("max_null_increase",),
        breach="{share} of {subject} are null{limit}.",
        series="null_ratio",
    ),
    MonitoringMetric(
        name="unseen_share",
        subject="<feature>",
        label="unseen share",
        unit="share",
        category="data",
        meaning="Share of rows whose category the training never saw.",
        limit="`unseen`",
        limit_parameters=("unseen",),
        breach="{share} of {subject} are categories never seen in training{limit}.",
        series="unseen_category_ratio",
    ),
    MonitoringMetric(
        name="psi",
        subject="<feature>",
        label="PSI",
        unit="psi",
        category="feature",
        meaning="Population stability index of a feature against the training.",
        limit="`feature_psi`, or what so few rows show by chance; nothing acts on it",
        limit_parameters=("feature_psi",),
        breach="{subject} drifts: PSI {value}{limit}.",
        chart="heat",
        series="psi",
        needed_for_drift=True,
    ),
    MonitoringMetric(
        name="importance",
        subject="<feature>",
        label="importance",
        unit="share",
        category="feature",
        meaning="Share of the model's gain that is the feature's.",
        chart="heat",
        series="importance_ratio",
    ),
    MonitoringMetric(
        name="weighted_drift",
        subject="features",
        label="weighted drift",
        unit="psi",
        category="drift",
        meaning="Drift of the features, weighted by their importance.",
        limit=f"{_TEST_DAYS_QUANTILE}, or what so few rows show by chance",
        limit_parameters=("drift_factor", "drift_quantile"),
        breach="Features drift: weighted by importance {value}{limit}.",
        chart="limited",
        chart_hint="sum over the features, beside its limit",
        series="weighted_drift",
        signal="weighted_drift",
        signal_subject="features",
        needed_for_drift=True,
    ),
    MonitoringMetric(
        name="prediction_drift",
        subject="prediction",
        label="prediction drift",
        unit="psi",
        category="drift",
        meaning="Population stability index of the predictions against the test days.",
        limit="the same; `prediction_drift_factor` replaces `drift_factor`",
        limit_parameters=("prediction_drift_factor", "drift_factor"),
        breach="Predictions drift: PSI {value}{limit}.",
        chart="limited",
        chart_hint="PSI, beside its limit",
        series="prediction_drift",
        signal="prediction_drift",
        signal_subject="prediction",
        needed_for_drift=True,
    ),
    MonitoringMetric(
        name="state",
        subject="predictions",
        label="state",
        unit="",
        category="scoring",
        meaning="No value: its state says why the day has no predictions.",
        explains=("performance", "heat", "limited"),
        needed_for_drift=True,
    ),
    MonitoringMetric(
        name="mean_prediction",
        subject="prediction",
        label="mean prediction",
        unit="share",
        category="scoring",
        meaning="Mean predicted probability.",
        chart="rates",
        series="mean_prediction_ratio",
    ),
    MonitoringMetric(
        name="warning_rate",
        subject="prediction",
        label="warning rate",
        unit="share",
        category="scoring",
        meaning="Share of rows with a warning.",
        chart="rates",
        series="warning_ratio",
    ),
    MonitoringMetric(
        name="unscored_rows",
        subject="predictions",
        label="unscored rows",
        unit="rows",
        category="scoring",
        meaning="Rows of features and of predictions that have no counterpart.",
        limit="any",
        breach="{value} rows have features and no prediction, or the reverse: score the day again.",
    ),
    MonitoringMetric(
        name=STALENESS,
        subject="<table> or model",
        label="staleness",
        unit="days",
        category="staleness",
        meaning="Days by which features, predictions or labels are older than they should be, or the model's age.",
        limit="`stale_periods`; of the model `max_age_days`",
        limit_parameters=("stale_periods", "max_age_days"),
        breach="The {subject} are {value} days old{limit}.",
        breach_of={
            "model": "The model is {value} days old{limit}.",
            "labels": "The labels are {value} days late{limit}.",
        },
        series="staleness_seconds",
        signal="model_age",
        signal_subject="model",
    ),
    MonitoringMetric(
        name=_ANY,
        subject="<model or baseline>",
        label="realised metric",
        unit="metric",
        category="performance",
        meaning="The metric of one scored day whose labels are complete.",
    ),
    MonitoringMetric(
        name="base_rate",
        subject="<model or baseline>",
        label="base rate",
        unit="share",
        category="performance",
        meaning="Share of positives among the labels of one scored day.",
        chart="rates",
    ),
    MonitoringMetric(
        name="labelled_rows",
        subject="<model or baseline>",
        label="labelled rows",
        unit="rows",
        category="performance",
        meaning="Rows of one scored day that have a label.",
    ),
    MonitoringMetric(
        name=f"{WINDOW}{_ANY}",
        subject="<model or baseline>",
        label="metric of the window",
        unit="metric",
        category="performance",
        meaning="Realised figure over the newest days whose labels are known, by the version that scored the day.",
        chart="performance",
        series="window",
    ),
    MonitoringMetric(
        name=f"{EXPECTED}{_ANY}",
        subject="model",
        label="promised metric",
        unit="metric",
        category="performance",
        meaning="What the version's test days promised.",
        chart="performance",
        series="promise",
    ),
    MonitoringMetric(
        name=f"{WORSE}{_ANY}",
        subject="model",
        label="loss against the test days",
        unit="metric",
        category="performance",
        meaning="How much worse than on its test days the model is on the newest days; positive is worse.",
        limit="`performance`: a `PerformanceLimit` with `reference=None`",
        limit_parameters=("performance",),
        breach="{days} {metric} is {value} {direction} than on the test days{bound}{limit}.",
        directions=("worse", "better"),
        chart="performance",
        series="worse",
        signal="performance",
    ),
    MonitoringMetric(
        name=f"{SKILL_LOSS}{_ANY}",
        subject="<baseline>",
        label="lead lost since the test days",
        unit="metric",
        category="performance",
        meaning="How much of its lead over the baseline on the test days the model has lost; positive is worse.",
        limit="`performance`: a `PerformanceLimit`; by default against the prior",
        limit_parameters=("performance",),
        breach="{days} the lead in {metric} over the {subject} is {value} {direction} than on the test days"
        "{bound}{limit}.",
        directions=("smaller", "greater"),
        chart="performance",
        series="skill_loss",
        signal="performance",
    ),
    MonitoringMetric(
        name=f"{WORSE_THAN_BASELINE}{_ANY}",
        subject="<baseline>",
        label="loss against a baseline",
        unit="metric",
        category="performance",
        meaning="How much worse than the baseline the model is on the newest days; positive is worse.",
        limit="`baselines`: a `BaselineLimit`; by default for both baselines",
        limit_parameters=("baselines",),
        breach="{days} {metric} is {value} {direction} than the {subject}{bound}{limit}.",
        directions=("worse", "better"),
        chart="performance",
        series="worse_than_baseline",
        signal="worse_than_baseline",
    ),
    MonitoringMetric(
        name=FALSE_ALARMS,
        subject="<limit>",
        label="false alarms per year",
        unit="per year",
        category="performance",
        meaning="How often a year a limit asks for a training of a model that has not changed, by simulation.",
        series="false_alarms_per_year",
    ),
)
MONITORING_METRICS: Mapping[str, MonitoringMetric] = {metric.name: metric for metric in _DEFINED}
"""Every monitored metric by its name or pattern."""
PERFORMANCE = tuple(metric.prefix for metric in _DEFINED if metric.is_comparison)
"""First parts of the names of the comparisons of performance."""


class UndefinedMetricError(ValueError):
    """A metric is not in the list of definitions."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The monitoring metric {name!r} is not defined; add it to include/monitoring/definitions.py.")


def find_metric(name: str) -> MonitoringMetric | None:
    """Return the definition of the metric of a row; None where there is none, as for one that was removed."""
    part, slash, rest = name.partition("/")
    if slash:
        return MONITORING_METRICS.get(f"{part}/{_ANY}") if rest in METRICS or rest in SUMMARY else None
    return MONITORING_METRICS.get(_ANY if name in METRICS else name)


def require_metric(name: str) -> MonitoringMetric:
    """Return the definition of the metric of a row; UndefinedMetricError where there is none."""
    if (found := find_metric(name)) is None:
        raise UndefinedMetricError(name)
    return found


def metric_label(name: str) -> str:
    """Return a metric's name in a sentence; of an evaluation metric, that of the metric itself."""
    defined, evaluated = find_metric(name), METRICS.get(name.rpartition("/")[2])
    if evaluated is not None:
        return evaluated.label
    return defined.label if defined is not None and not defined.is_pattern else name.replace("_", " ")


def limit_label(name: str, subject: str) -> str:
    """Return a limit as a reader knows it: `skill_loss/log_loss against the prior`, `weighted_drift`."""
    compared = name.startswith(PERFORMANCE) and subject != "model"
    return f"{name} against the {subject}" if compared else name
