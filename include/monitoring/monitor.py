"""Measure: all that is known of a day's data, predictions and model at its decision time, into `metrics`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from include.declaration.gates import BASELINES, MODEL
from include.declaration.monitoring import Monitoring
from include.errors import AirworthyError, InvalidRequestError
from include.lake import schemas
from include.lake.lake import Lake
from include.lake.partitions import days_from
from include.lake.snapshot import AsOfSnapshot
from include.model import metrics
from include.monitoring import data_metrics, labelled_predictions, limits, metric_row, performance, reference_profile
from include.monitoring.data_metrics import ScoringVersion
from include.monitoring.labelled_predictions import DayPredictions, NotMeasurableError
from include.monitoring.metric_row import MetricRow, missing_row
from include.monitoring.performance import LabelledPredictions
from include.monitoring.reference_profile import ProfileUnreadableError, ReferenceProfile
from include.project import Project, open_project
from include.registry import sync
from include.registry.mlflow_registry import ArtifactMissingError, Registry
from include.scoring import score
from include.wording import sentence

ROUNDS = 5
"""Times that a day is measured again because what it was measured from has changed meanwhile."""


@dataclass(frozen=True)
class MonitorResult:
    """What was measured at a day; plain values."""

    day: str
    version: str | None
    """The version that scored the day."""
    figures: int
    breaches: tuple[str, ...]
    """What broke its limit, as `metric of subject: value above limit`."""
    states: tuple[str, ...]
    """What could not be measured, and why, each once."""
    changed: bool


@dataclass(frozen=True)
class RealisedPerformance:
    """Metrics over the rows of several scored days, pooled; plain values."""

    first: str
    last: str
    days: tuple[str, ...]
    """The days that are scored and whose labels are known."""
    waiting: dict[str, str]
    """The other days, and why they are left out."""
    rows: int
    metrics: dict[str, dict[str, float]]


def monitor_period(project: Project, day: date, *, lake: Lake | None = None) -> MonitorResult:
    """Measure `day` from what was known at it: its own data and predictions, and the performance on days whose labels
    are complete by now; all of it is the partition `day` of `metrics`.

    What cannot be measured becomes a row with a state. Whoever has written looks again: what was read may have been
    replaced meanwhile. Raises InvalidRequestError for a day before the first, MlflowUnreachableError.
    """
    project.use_case.require(day)
    lake, changed = lake or project.lake, False
    for _ in range(ROUNDS):
        measured = _DayMonitor(project, lake.as_of(day))
        inputs = measured.inputs()
        table = measured.table()
        commit = lake.replace("metrics", day, table, inputs=inputs, stage="measure")
        changed |= commit.changed
        if _DayMonitor(project, lake.as_of(day)).inputs() == inputs:
            break
    found = table.to_pylist()
    return MonitorResult(
        day=day.isoformat(),
        version=measured.version,
        figures=len(found),
        breaches=tuple(_named(row) for row in found if row["breached"]),
        states=tuple(dict.fromkeys(row["state"] for row in found if row["state"])),
        changed=changed,
    )


def remeasure_period(project: Project, day: date, *, lake: Lake | None = None) -> list[MonitorResult]:
    """Measure again what was measured of a day before it was scored: the day itself, and the day that judges its
    predictions; each where it was measured. So the table is the same whichever came first."""
    lake = lake or project.lake
    there = lake.as_of(day).partitions("metrics", day)
    own = [monitor_period(project, day, lake=lake)] if there else []
    judging = remeasure_label_period(project, day, lake=lake)
    return [*own, judging] if judging else own


def remeasure_label_period(project: Project, day: date, *, lake: Lake | None = None) -> MonitorResult | None:
    """Measure the day that judges the predictions of `day`, where that was done before: in a backfill it may have been
    measured before `day` was scored. None where there is nothing to do again."""
    lake, judged_on = lake or project.lake, day + timedelta(days=project.use_case.label.label_delay_periods)
    there = lake.as_of(judged_on).partitions("metrics", judged_on)
    return monitor_period(project, judged_on, lake=lake) if there else None


def realised_performance(project: Project, first: date, last: date, *, lake: Lake | None = None) -> RealisedPerformance:
    """Metrics over all rows of the days from `first` to `last` that are scored and whose labels are known."""
    use_case = project.use_case
    lake, registry = lake or project.lake, project.registry
    done: dict[str, DayPredictions] = {}
    waiting: dict[str, str] = {}
    for day in days_from(first, last):
        view = labelled_predictions.matured_periods(lake, day)
        if reason := labelled_predictions.waiting_rows(use_case, view, day):
            waiting[day.isoformat()] = reason
        else:
            done[day.isoformat()] = labelled_predictions.load_day(use_case, view, day, registry)
    found = [each.outcomes for each in done.values()]
    labels = np.concatenate([each.labels for each in found]) if found else np.empty(0)
    subjects = [name for name in (found[0].predicted if found else ()) if all(name in each.predicted for each in found)]
    pooled = {subject: np.concatenate([each.predicted[subject] for each in found]) for subject in subjects}
    values = (
        {name: metrics.compute_metrics(labels, each, use_case.costs) for name, each in pooled.items()}
        if len(labels)
        else {}
    )
    empty = {name: {"rows": 0.0} for name in pooled}
    return RealisedPerformance(first.isoformat(), last.isoformat(), tuple(done), waiting, len(labels), values or empty)


class _DayMonitor:
    """One day, measured from one view of the lake."""

    def __init__(self, project: Project, view: AsOfSnapshot) -> None:
        self.use_case, self.view = project.use_case, view
        self.registry = project.registry
        self.judged = view.day - timedelta(days=project.use_case.label.label_delay_periods)

    @functools.cached_property
    def makers(self) -> list[str]:
        """The versions that scored the view's day."""
        return score.prediction_versions(self.view, self.view.day)

    @property
    def version(self) -> str | None:
        """The number of the version that scored the view's day."""
        return self.makers[0] if len(self.makers) == 1 else None

    def inputs(self) -> dict[str, str]:
        """Digests of all that is read from the lake."""
        view, since = self.view, self.view.day - timedelta(days=self.use_case.look_back_periods)
        feeds = [f"{kind}/{feed.name}" for kind in ("raw", "checked") for feed in self.use_case.feeds]
        read = {name: view.digest_of_periods(name, since) for name in feeds}
        read |= {name: view.digest_of_periods(name) for name in ("features", "labels")}
        return read | {f"predictions {day}": view.digest("predictions", day) for day in (self.judged, view.day)}

    def table(self) -> pa.Table:
        """The day's rows of `metrics`."""
        scorer = self._scorer()
        monitoring = self.use_case.monitoring
        rates: list[MetricRow] = []
        if scorer.version is not None and scorer.profile is not None:
            monitoring = limits.apply_limits(self.use_case, scorer.version, scorer.profile)
            rates = limits.limit_rows(self.use_case, scorer.version)
        use_case = replace(self.use_case, monitoring=monitoring)
        of_scorer = [*data_metrics.measure_data(use_case, self.view, scorer), *self._window(scorer, monitoring), *rates]
        schema = schemas.content(self.use_case, "metrics")
        by, realised = self._realised()
        return pa.concat_tables(
            [
                metric_row.metric_table_rows(of_scorer, self.version, self.view.day, schema),
                metric_row.metric_table_rows(realised, by, self.judged, schema),
            ]
        )

    def _scorer(self) -> ScoringVersion:
        """Who scored the day. A version that cannot be read is a state, not a failure: the day's data can be."""
        if self.version is None:
            several = (
                labelled_predictions.mixed_reason(self.use_case, self.view.day, self.makers) if self.makers else ""
            )
            return ScoringVersion(
                None, None, several or _unscored(open_project(self.use_case), self.view, self.registry)
            )
        try:
            version = sync.version_of(self.registry, self.version)
        except InvalidRequestError as error:
            return ScoringVersion(None, None, str(error))
        try:
            return ScoringVersion(
                version, ReferenceProfile.from_json(self.registry.load_companion(version, reference_profile.NAME)), ""
            )
        except (ArtifactMissingError, ProfileUnreadableError) as error:
            return ScoringVersion(version, None, f"Version {version.number} cannot be compared: {sentence(str(error))}")

    def _window(self, scorer: ScoringVersion, monitoring: Monitoring) -> list[MetricRow]:
        """The performance of the day's version on the newest labelled days, and what it is compared with."""
        use_case = self.use_case
        if scorer.version is None:
            return performance.unknown_rows(scorer.state, monitoring)
        kept = performance.expected_rows(scorer.profile.promise) if scorer.profile else []
        try:
            model = self.registry.load(scorer.version)
            found = labelled_predictions.load_window(use_case, self.view, scorer.version, model)
        except (NotMeasurableError, ArtifactMissingError) as error:
            return [*kept, *performance.unknown_rows(str(error), monitoring)]
        window = [replace(each, about=found.last) for each in self._judged(scorer, found, monitoring)]
        return [*kept, *window]

    def _judged(self, scorer: ScoringVersion, found: LabelledPredictions, monitoring: Monitoring) -> list[MetricRow]:
        use_case = self.use_case
        window = performance.window_performance(found, use_case.costs)
        if scorer.profile is None:
            return [*window, *performance.unknown_rows(scorer.state, monitoring, found.number_of_days)]
        return [*window, *performance.judge_window(found, scorer.profile.promised, monitoring, use_case.costs)]

    def _realised(self) -> tuple[str | None, list[MetricRow]]:
        """How good the stored predictions of the day turned out to be whose labels are complete now, and whose."""
        use_case, view, day = self.use_case, self.view, self.judged
        if day < use_case.first_period:
            return None, [missing_row("labelled_rows", MODEL, f"{use_case.name} begins on {use_case.first_period}.")]
        if why_not := labelled_predictions.waiting_rows(use_case, view, day):
            return score.scoring_version(view, day), [missing_row("labelled_rows", MODEL, f"{sentence(why_not)}")]
        try:
            found = labelled_predictions.load_day(use_case, view, day, self.registry)
        except (InvalidRequestError, ArtifactMissingError) as error:
            return score.scoring_version(view, day), [missing_row("labelled_rows", MODEL, str(error))]
        lost = [missing_row("log_loss", name, found.state) for name in BASELINES] if found.state else []
        figures_of_day = performance.day_performance(found.outcomes, found.rows, found.labelled_rows, use_case.costs)
        return found.version, [*figures_of_day, *lost]


def _unscored(project: Project, view: AsOfSnapshot, registry: Registry) -> str:
    """Why a day has no predictions, and what to do: where scoring it would fail, in the words that it would use."""
    use_case = project.use_case
    day = view.day
    try:
        champion = score.champion_by_ledger(project, registry, day)
        if day not in view.partitions("features", day):
            say = f"{day} has no predictions, since it has no features"
            return f"{say}: run {use_case.name}__data for it, then score it."
        score.require_fit_to_score(use_case, registry, day, champion)
    except AirworthyError as error:
        if error.worth_retrying:
            raise
        return str(error)
    return f"{day} has no predictions: run {use_case.name}__score for it, then {use_case.name}__monitor again."


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['metric']} of {row['subject']}: {row['value']:.4g} (limit {row['limit']:.4g})"
