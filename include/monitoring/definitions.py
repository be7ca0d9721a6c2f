"""Define every monitored metric once: its words, unit, category, limit, chart and Prometheus series.

The page, the alerts, the status line, the exporter, the retraining signals and the table in docs/monitoring.md read
this list. A name may end in `<metric>`, a placeholder for an evaluation metric of `include/model/metrics`. To add a
metric, add one `MonitoringMetric` to `_DEFINED`, and its row to the docs (the test of this module prints the row).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from include.model.metrics import METRICS, RECALL, is_summary

if TYPE_CHECKING:
    pass

Category = Literal[
    "performance", "drift", "data", "scoring", "interval", "staleness", "cost", "estimate", "attribution", "feature"
]
"""What a breach is about, the most serious first."""
SHOWN_ONLY: tuple[Category, ...] = ("estimate", "attribution", "feature")
"""Categories whose breaches are shown, and alone need no action and send no alert."""
Signal = Literal[
    "performance", "worse_than_baseline", "weighted_drift", "prediction_drift", "model_age", "estimated_performance"
]
"""What can trigger a training."""
SIGNALS: tuple[Signal, ...] = get_args(Signal)
ESTIMATED_PERFORMANCE: Signal = "estimated_performance"
"""The signal that has to prove itself first, so no policy names it by default."""
DEFAULT_SIGNALS = tuple(signal for signal in SIGNALS if signal != ESTIMATED_PERFORMANCE)
Chart = Literal["performance", "heat", "limited", "rates", "volumes", "quarantine", "costs", "estimate"]
"""Charts of the page; `limited` draws one metric against its limit, `costs` one metric with a line for each step."""
Unit = Literal["rows", "periods", "share", "psi", "per year", "metric", "label", "seconds", "bytes", ""]
"""`share` is a number where 1 is the whole; `metric` is the evaluation metric's own unit, `label` the label's."""
REMEDIATION: Mapping[Category, str] = {
    "performance": "The model is worse than in its test periods, or worse than a baseline. The decision of"
    " {use_case}__retrain for this period says whether a new model is trained, and why. To go back to an earlier"
    " version,"
    " trigger {use_case}__rollback.",
    "drift": "The features or the predictions differ from those of the model's test periods. The monitoring page"
    " shows the"
    " features that changed most; the decision of {use_case}__retrain says whether a new model is trained.",
    "data": "Rows, nulls or categories changed at the source. Read the period's validation page and ask the source's"
    " owner. When"
    " the source is repaired, run {use_case}__data for the period again.",
    "scoring": "The period's predictions do not match its features. Run {use_case}__score for the period again.",
    "interval": "The models of the ends of an interval disagree on these rows; scoring them again gives the same."
    " Trigger {use_case}__train with fewer leaves or more rows per leaf, or declare conformal intervals, whose ends"
    " never cross.",
    "staleness": "Data or predictions are late, or the model is old. Look for failed or waiting runs of"
    " {use_case}__data and {use_case}__score. To replace an old model, trigger {use_case}__train.",
    "cost": "A step took more time or memory than usual for its rows. The page shows the cost of each step over time."
    " Compare what changed since: the use case's code, the libraries, the machine, and what else ran on it.",
    "estimate": "The predictions lead to expect a worse metric than in the test periods; no label has confirmed it."
    " Wait for the labels, and look at the features that changed. A training follows only if {use_case}__retrain is"
    " declared to use the estimate, and the estimate has proven itself.",
    "attribution": "The predictions rest on other features than in the test periods. This alone needs no action; look"
    " at the features whose contributions grew.",
    "feature": "A single feature changed. This alone needs no action.",
}
"""What to do about a breach of each category."""


@dataclass(frozen=True, kw_only=True)
class MonitoringMetric:
    """Define a monitored metric, or one per evaluation metric if its name ends in `<metric>`."""

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
    """When a value is a breach, for the docs; empty if there is no limit."""
    limit_parameters: tuple[str, ...] = ()
    """The fields of the declared `Monitoring` that set its limit."""
    breach: str = ""
    """A sentence for a value; may hold {subject}, {metric}, {value}, {share}, {limit}, and for a comparison also
    {periods}, {direction} and {bound}."""
    title: str = ""
    """Its breach in a few words; may hold {subject} and {metric}. Empty: the label, with the subject if it varies."""
    breach_of: Mapping[str, str] = field(default_factory=dict)
    """Subject to its own sentence, where that differs from `breach`."""
    directions: tuple[str, str] = ("", "")
    """The words of a comparison for a value of at least 0, and for one below 0."""
    chart: Chart | None = None
    chart_hint: str = ""
    """What a reader of its chart needs to know."""
    explains: tuple[Chart, ...] = ()
    """Other charts that may be missing for its missing reason."""
    series: str = ""
    """The Prometheus name, without `airworthy_`; empty for a row of the series `metric` or `realised`."""
    signal: Signal | None = None
    """The signal that its breaches belong to."""
    signal_subject: str = ""
    """The only subject whose rows belong to the signal; empty if all rows with a limit do."""
    needed_for_drift: bool = False
    """Whether drift is unknown if it could not be measured."""

    def titled(self, metric: str, subject: str) -> str:
        """Return a breach in a few words, for a subject and an evaluation metric's label."""
        varies = "<" in self.subject
        return self.title.format(metric=metric, subject=subject) or f"{self.label}{f' of {subject}' if varies else ''}"

    @property
    def is_pattern(self) -> bool:
        """Return whether it defines one metric per evaluation metric."""
        return self.name.endswith(_ANY)

    @property
    def prefix(self) -> str:
        """Return the first part of the names of its rows."""
        return self.name.removesuffix(_ANY)

    @property
    def is_comparison(self) -> bool:
        """Return whether it compares performance: its lower bound is compared with the limit."""
        return self.category == "performance" and bool(self.limit)

    def is_explained_on(self, *charts: Chart) -> bool:
        """Return whether the missing reason of a row explains why one of these charts is missing."""
        return self.chart in charts or any(chart in charts for chart in self.explains)


_ANY = "<metric>"
_TEST_PERIODS_QUANTILE = (
    "`drift_factor` × the `drift_quantile` of what"
    " [the validation and test periods showed](decisions/0019-drift-beyond-what-the-test-days-showed.md)"
)
DEGRADATION, SKILL_LOSS, WORSE_THAN_BASELINE = "degradation/", "skill_loss/", "worse_than_baseline/"
"""First parts of the names of the comparisons: with the model's own test days; of the lead over a baseline with the
lead on the test days; with a baseline on the same days."""
WINDOW, EXPECTED = "window/", "expected/"
SLICE = "slice/"
"""First part of the name of a metric of a group of rows."""
TRIAL_DIFFERENCE, TRIAL_WINDOW, TRIAL_ARMS = "trial_difference/", "trial_window/", "trial_arms/"
"""First parts of the names of how much worse a tried version is than the champion, in one period and over its trial;
and of how much worse the rows of its arm of a split are than those of the other."""
ESTIMATED, ESTIMATE_ERROR, ESTIMATED_DEGRADATION = "estimated/", "estimate_error/", "estimated_degradation/"
"""First parts of the names of estimates without labels; of what came true minus the estimate; and of the estimate
compared with the test periods."""
STALENESS = "staleness"
"""In days; the exporter adds the time since the measurement."""
FALSE_ALARMS = "false_alarms_per_year"
"""Expected false alarms of a limit per year; the subject is the limit's label."""
_DEFINED = (
    MonitoringMetric(
        name="rows",
        subject="<table>",
        label="rows",
        unit="rows",
        category="data",
        meaning="Rows of the newest measured period.",
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
        meaning="Rows of a feed that were quarantined.",
        chart="volumes",
        series="quarantined_rows",
    ),
    MonitoringMetric(
        name="quarantined_by_reason",
        subject="<feed>: <reason>",
        label="quarantined by reason",
        unit="rows",
        category="data",
        meaning="Rows of a feed that were quarantined, by reason.",
        chart="quarantine",
        series="quarantined_by_reason_rows",
    ),
    MonitoringMetric(
        name="volume_change",
        subject="<feed>",
        label="volume change",
        unit="share",
        category="data",
        meaning="Rows of a feed divided by their mean in the periods before, minus one.",
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
        limit="`max_null_increase` over the largest share of the training and of its single validation and test"
        " periods; no limit if that is 1 or more",
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
        meaning="Share of rows whose category was not in the training data.",
        limit="`max_unseen_share`",
        limit_parameters=("max_unseen_share",),
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
        limit="`feature_psi`, or what this number of rows shows by chance; a breach has no effect",
        limit_parameters=("feature_psi",),
        breach="{subject} drifts: PSI {value}{limit}.",
        chart="heat",
        series="psi",
        needed_for_drift=True,
    ),
    MonitoringMetric(
        name="feature_mean",
        subject="<feature>",
        label="mean of the feature",
        unit="",
        category="feature",
        meaning="Mean of the feature's finite values; of a yes-or-no feature, the share of yes.",
        series="feature_mean",
    ),
    MonitoringMetric(
        name="importance",
        subject="<feature>",
        label="importance",
        unit="share",
        category="feature",
        meaning="The feature's share of the model's gain.",
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
        limit=f"{_TEST_PERIODS_QUANTILE}, or what this number of rows shows by chance",
        limit_parameters=("drift_factor", "drift_quantile"),
        breach="Features drift: weighted by importance {value}{limit}.",
        chart="limited",
        chart_hint="sum over the features, with its limit",
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
        meaning="Population stability index of the predictions against the test periods.",
        limit="the same; `prediction_drift_factor` replaces `drift_factor`",
        limit_parameters=("prediction_drift_factor", "drift_factor"),
        breach="Predictions drift: PSI {value}{limit}.",
        chart="limited",
        chart_hint="PSI, with its limit",
        series="prediction_drift",
        signal="prediction_drift",
        signal_subject="prediction",
        needed_for_drift=True,
    ),
    MonitoringMetric(
        name="missing_predictions",
        subject="predictions",
        label="missing predictions",
        unit="",
        category="scoring",
        meaning="No value: its missing reason says why the period has no predictions.",
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
        name="predicted_positive_rate",
        subject="prediction",
        label="predicted positive rate",
        unit="share",
        category="scoring",
        meaning="Share of rows that are predicted positive.",
        chart="rates",
        series="predicted_positive_ratio",
    ),
    MonitoringMetric(
        name="mean_value",
        subject="prediction",
        label="mean prediction",
        unit="label",
        category="scoring",
        meaning="Mean predicted number, in the unit of the label.",
        chart="rates",
        series="mean_value",
    ),
    MonitoringMetric(
        name="crossed_intervals",
        subject="prediction",
        label="crossed intervals",
        unit="rows",
        category="interval",
        meaning="Rows whose predicted quantiles crossed, and were sorted when the day was scored.",
        series="crossed_intervals_rows",
    ),
    MonitoringMetric(
        name="crossed_share",
        subject="prediction",
        label="share of crossed intervals",
        unit="share",
        category="interval",
        meaning="Share of rows whose predicted quantiles crossed, and were sorted when the day was scored.",
        limit="`max_crossed_share`",
        limit_parameters=("max_crossed_share",),
        breach="The predicted quantiles of {share} of the rows cross, and were sorted{limit}.",
        series="crossed_intervals_ratio",
    ),
    MonitoringMetric(
        name="unscored_rows",
        subject="predictions",
        label="unscored rows",
        unit="rows",
        category="scoring",
        meaning="Rows of features and of predictions that have no counterpart.",
        limit="any",
        breach="{value} rows have features and no prediction, or the reverse: score the period again.",
    ),
    MonitoringMetric(
        name=STALENESS,
        subject="<table> or model",
        label="staleness",
        unit="periods",
        category="staleness",
        meaning="Periods by which features, predictions or labels are older than they should be, or the model's age.",
        limit="`stale_periods`; of the model `max_age_periods`",
        limit_parameters=("stale_periods", "max_age_periods"),
        breach="The {subject} are {span} old{limit}.",
        breach_of={
            "model": "The model is {span} old{limit}.",
            "labels": "The labels are {span} late{limit}.",
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
        meaning="The metric of one scored period whose labels are complete.",
    ),
    MonitoringMetric(
        name="base_rate",
        subject="<model or baseline>",
        label="base rate",
        unit="share",
        category="performance",
        meaning="Share of positives among the labels of one scored period.",
        chart="rates",
    ),
    MonitoringMetric(
        name="mean_label",
        subject="<model or baseline>",
        label="mean label",
        unit="label",
        category="performance",
        meaning="Mean label of one scored period.",
        chart="rates",
    ),
    MonitoringMetric(
        name=f"{RECALL}<class>",
        subject="<model or baseline>",
        label="recall of a class",
        unit="share",
        category="performance",
        meaning="Share of the rows of a class, in one scored period, that are predicted as it.",
    ),
    MonitoringMetric(
        name="labelled_rows",
        subject="<model or baseline>",
        label="labelled rows",
        unit="rows",
        category="performance",
        meaning="Rows of one scored period that have a label.",
    ),
    MonitoringMetric(
        name="confusion",
        subject="<label> predicted as <prediction>",
        label="rows by label and prediction",
        unit="rows",
        category="performance",
        meaning="Rows of one scored period by label and by what the model predicted; for at most 10 classes.",
        series="confusion_rows",
    ),
    MonitoringMetric(
        name=f"{SLICE}{_ANY}",
        subject="<column>: <group>",
        label="metric of a group",
        unit="metric",
        category="performance",
        meaning="The metric of one scored period in a group of at least 20 rows, for each column of a `SliceGate`.",
        series="slice",
    ),
    MonitoringMetric(
        name="slice_rows",
        subject="<column>: <group>",
        label="rows of a group",
        unit="rows",
        category="performance",
        meaning="Labelled rows of one scored period in that group.",
        series="slice_rows",
    ),
    MonitoringMetric(
        name=f"{WINDOW}{_ANY}",
        subject="<model or baseline>",
        label="metric of the window",
        unit="metric",
        category="performance",
        meaning="The metric over the newest periods whose labels are known, for the version that scored the period.",
        chart="performance",
        series="window",
    ),
    MonitoringMetric(
        name=f"{EXPECTED}{_ANY}",
        subject="model",
        label="expected metric",
        unit="metric",
        category="performance",
        meaning="The metric in the test periods of the version.",
        chart="performance",
        series="expected",
    ),
    MonitoringMetric(
        name=f"{DEGRADATION}{_ANY}",
        subject="model",
        label="degradation since the test periods",
        unit="metric",
        category="performance",
        meaning="How much worse than in its test periods the model is in the newest periods; positive is worse.",
        limit="`performance`: a `PerformanceLimit` with `reference=None`",
        limit_parameters=("performance",),
        breach="{periods} {metric} is {value} {direction} than in the test periods{bound}{limit}.",
        title="{metric} against the test periods",
        directions=("worse", "better"),
        chart="performance",
        series="degradation",
        signal="performance",
    ),
    MonitoringMetric(
        name=f"{SKILL_LOSS}{_ANY}",
        subject="<baseline>",
        label="lead lost since the test periods",
        unit="metric",
        category="performance",
        meaning="How much of its lead over the baseline in the test periods the model has lost; positive is worse.",
        limit="`performance`: a `PerformanceLimit`; by default against the prior",
        limit_parameters=("performance",),
        breach="{periods} the lead in {metric} over the {subject} is {value} {direction} than in the test periods"
        "{bound}{limit}.",
        title="lead in {metric} over the {subject}",
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
        meaning="How much worse than the baseline the model is in the newest periods; positive is worse.",
        limit="`baselines`: a `BaselineLimit`; by default for both baselines",
        limit_parameters=("baselines",),
        breach="{periods} {metric} is {value} {direction} than the {subject}{bound}{limit}.",
        title="{metric} against the {subject}",
        directions=("worse", "better"),
        chart="performance",
        series="worse_than_baseline",
        signal="worse_than_baseline",
    ),
    MonitoringMetric(
        name=f"{TRIAL_DIFFERENCE}{_ANY}",
        subject="<champion>",
        label="difference of the tried version",
        unit="metric",
        category="performance",
        meaning="How much worse a tried version was than the champion in one period; negative is better.",
        series="trial_difference",
    ),
    MonitoringMetric(
        name=f"{TRIAL_WINDOW}{_ANY}",
        subject="<champion>",
        label="difference over the trial",
        unit="metric",
        category="performance",
        meaning="How much worse a tried version is than the champion, over the labelled periods of its trial.",
        series="trial_window",
    ),
    MonitoringMetric(
        name=f"{TRIAL_ARMS}{_ANY}",
        subject="<champion>",
        label="difference of the arms",
        unit="metric",
        category="performance",
        meaning="How much worse the published rows of a split's tried version are than those of the champion.",
        series="trial_arms",
    ),
    MonitoringMetric(
        name="trial_rows",
        subject="<champion>",
        label="rows of the comparison",
        unit="rows",
        category="performance",
        meaning="Labelled rows of one period that the tried version and the champion both predicted.",
        series="trial_rows",
    ),
    MonitoringMetric(
        name=f"{ESTIMATED}{_ANY}",
        subject="model",
        label="estimated metric",
        unit="metric",
        category="estimate",
        meaning="Estimate of the metric of one scored period from its predictions alone, before its labels are known.",
        chart="estimate",
        series="estimated",
    ),
    MonitoringMetric(
        name="estimated_confusion",
        subject="<cell>",
        label="estimated confusion",
        unit="rows",
        category="estimate",
        meaning="Expected rows of one scored period in a cell of the confusion matrix, from its predictions alone.",
        series="estimated_confusion_rows",
    ),
    MonitoringMetric(
        name=f"{ESTIMATE_ERROR}{_ANY}",
        subject="model",
        label="error of the estimate",
        unit="metric",
        category="estimate",
        meaning="The realised metric of one scored period minus its estimate; the bounds are those of the estimate.",
        series="estimate_error",
    ),
    MonitoringMetric(
        name=f"{ESTIMATED_DEGRADATION}{_ANY}",
        subject="model",
        label="estimated degradation since the test periods",
        unit="metric",
        category="estimate",
        meaning="How much worse than in the test periods the metric is estimated to be; positive is worse.",
        limit="0, of the lower bound; only the main metric of the task",
        breach="Estimated before the labels are known: {value} worse than in the test periods{limit}.",
        title="{metric} estimated against the test periods",
        series="estimated_degradation",
        signal=ESTIMATED_PERFORMANCE,
    ),
    MonitoringMetric(
        name="mean_contribution",
        subject="<feature>",
        label="mean contribution",
        unit="",
        category="attribution",
        meaning="Mean absolute contribution of the feature to the raw scores of sampled rows of the period.",
        series="mean_contribution",
    ),
    MonitoringMetric(
        name="attribution_drift",
        subject="features",
        label="attribution drift",
        unit="share",
        category="attribution",
        meaning="Share of the contributions that moved to other features since the validation and test periods.",
        limit=f"{_TEST_PERIODS_QUANTILE}; a breach has no effect",
        limit_parameters=("drift_factor", "drift_quantile"),
        breach="The predictions rest on other features: {share} of the contributions moved{limit}.",
        chart="estimate",
        series="attribution_drift",
    ),
    MonitoringMetric(
        name=FALSE_ALARMS,
        subject="<limit>",
        label="false alarms per year",
        unit="per year",
        category="performance",
        meaning="Simulated number of trainings per year that a limit triggers although nothing has changed.",
        series="false_alarms_per_year",
    ),
    MonitoringMetric(
        name="step_cpu_seconds",
        subject="<step>",
        label="processor time",
        unit="seconds",
        category="cost",
        meaning="Processor time of a step of one period, of all threads and ended child processes.",
        limit="more than `max_slowdown` × what is usual for its rows",
        limit_parameters=("max_slowdown",),
        breach="The step {subject} took {value} of processor time{limit}.",
        chart="costs",
        chart_hint="of all threads",
        series="step_cpu_seconds",
    ),
    MonitoringMetric(
        name="step_peak_memory",
        subject="<step>",
        label="peak memory",
        unit="bytes",
        category="cost",
        meaning="Largest resident memory of the process during a step of one period.",
        limit="more than `max_slowdown` × what is usual for its rows",
        limit_parameters=("max_slowdown",),
        breach="The step {subject} used up to {value} of memory{limit}.",
        chart="costs",
        chart_hint="largest resident memory of the process during the step",
        series="step_peak_memory_bytes",
    ),
    MonitoringMetric(
        name="step_seconds",
        subject="<step>",
        label="time",
        unit="seconds",
        category="cost",
        meaning="Time that a step of one period took.",
        limit="more than `max_slowdown` × what is usual for its rows",
        limit_parameters=("max_slowdown",),
        breach="The step {subject} took {value}{limit}.",
        chart="costs",
        chart_hint="by the wall clock",
        series="step_seconds",
    ),
    MonitoringMetric(
        name="step_bytes_read",
        subject="<step>",
        label="bytes read",
        unit="bytes",
        category="cost",
        meaning="Bytes that a step read from files, from the disk or its cache.",
        chart="costs",
        chart_hint="from files, on disk or in its cache",
        series="step_read_bytes",
    ),
    MonitoringMetric(
        name="step_bytes_written",
        subject="<step>",
        label="bytes written",
        unit="bytes",
        category="cost",
        meaning="Bytes that a step wrote to files.",
        chart="costs",
        chart_hint="to files",
        series="step_written_bytes",
    ),
    MonitoringMetric(
        name="step_bytes_downloaded",
        subject="<step>",
        label="bytes from S3",
        unit="bytes",
        category="cost",
        meaning="Bytes of files that a step read from S3.",
        chart="costs",
        chart_hint="without the logs of tables",
        series="step_downloaded_bytes",
    ),
    MonitoringMetric(
        name="step_bytes_uploaded",
        subject="<step>",
        label="bytes to S3",
        unit="bytes",
        category="cost",
        meaning="Bytes of files that a step wrote to S3.",
        chart="costs",
        chart_hint="without the logs of tables",
        series="step_uploaded_bytes",
    ),
)
MONITORING_METRICS: Mapping[str, MonitoringMetric] = {metric.name: metric for metric in _DEFINED}
"""Every monitored metric by its name or pattern."""
PERFORMANCE = tuple(metric.prefix for metric in _DEFINED if metric.is_comparison)
"""First parts of the names of the comparisons of performance."""


class UndefinedMetricError(ValueError):
    """A metric is not in the list of definitions."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The monitoring metric {name!r} is not defined; add it to include/monitoring/definitions.py.")


def find_metric(name: str) -> MonitoringMetric | None:
    """Return the definition of a row's metric; None if it has none, such as a removed metric."""
    part, slash, rest = name.partition("/")
    if slash:
        return MONITORING_METRICS.get(f"{part}/{_ANY}") if rest in METRICS or is_summary(rest) else None
    if name.startswith(RECALL):
        return MONITORING_METRICS[f"{RECALL}<class>"]
    return MONITORING_METRICS.get(_ANY if name in METRICS else name)


def require_metric(name: str) -> MonitoringMetric:
    """Return the definition of a row's metric.

    Raises:
        UndefinedMetricError: it has none.
    """
    if (defined := find_metric(name)) is None:
        raise UndefinedMetricError(name)
    return defined


def metric_label(name: str) -> str:
    """Return a metric's name in a sentence, without the prefix of an evaluation metric."""
    defined, evaluated = find_metric(name), METRICS.get(name.rpartition("/")[2])
    if evaluated is not None:
        return evaluated.label
    if RECALL in name:
        return f"recall of {name.partition(RECALL)[2]}"
    return defined.label if defined is not None and not defined.is_pattern else name.replace("_", " ")


def breach_title(name: str, subject: str) -> str:
    """Return a breach in a few words, such as `mean absolute error against the test days`."""
    defined = find_metric(name)
    return defined.titled(metric_label(name), subject) if defined is not None else f"{name} of {subject}"


def limit_label(name: str, subject: str) -> str:
    """Return a limit's display name: `skill_loss/log_loss against the prior`, `weighted_drift`."""
    compared = name.startswith(PERFORMANCE) and subject != "model"
    return f"{name} against the {subject}" if compared else name
