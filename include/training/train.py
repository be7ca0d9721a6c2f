"""Train a model as of a day and log it as an MLflow run.

It uses only rows known at the day's decision time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.declaration import form_limits
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import FeaturesMissingError
from include.features import staleness
from include.lake.snapshot import AsOfSnapshot
from include.model import metrics, splits
from include.model.lightgbm_params import Parameters, merge_parameters
from include.model.splits import Splits
from include.printable import printable_logger
from include.project import Project
from include.registry.mlflow_registry import Registry, UnprovenVersionError
from include.registry.mlflow_runs import MlflowUnreachableError, Runs
from include.registry.tags import (
    AS_OF,
    FEATURES_DIGEST,
    FEATURES_VERSION,
    FINGERPRINT,
    LABELS_DIGEST,
    LABELS_VERSION,
    MIXED_HISTORY,
    NOTICE,
    REASON,
    RECIPE,
    REPORT,
    TUNED_BY,
)
from include.training import engine, provenance, run_logging, spec
from include.training.recipe import TrainingSpec
from include.training.spec import TrainingInputs

log = printable_logger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """The run of a training and a summary of it; plain values."""

    run_id: str
    fingerprint: str
    as_of: str
    reused: bool
    """Whether an equal training was complete, so that nothing was trained."""
    splits: dict[str, Any]
    rows: int
    """Labelled rows of all splits."""
    unlabelled_rows: int
    """Rows of the window without a known label, which are not used."""
    null_features: Mapping[str, Sequence[str]]
    """Feature to the ranges of days on which it is null because they were built before it was declared."""
    missing_periods: tuple[str, ...]
    """Days of the window that have no features, as ranges."""
    stale: tuple[str, ...]
    """One line per table about periods that were built by other code or from other inputs than the current ones."""
    mixed_history: tuple[str, ...]
    """One line per table with periods that different code built."""
    test: dict[str, dict[str, float]]
    """Subject (model or a baseline) to its metrics on the test days."""


def train_model(
    project: Project,
    period: Period,
    *,
    window_periods: int | None = None,
    parameters: Mapping[str, Any] | None = None,
    reason: str = "",
    tuned_by: str = "",
) -> TrainResult:
    """Train as of `period` and return the run.

    If an equal training is complete, its run is returned instead. `parameters` override the declared LightGBM
    parameters, `rounds` and `early_stopping_rounds`; `tuned_by` is the run of the study that chose them, if any.

    Raises:
        InvalidRequestError: the parameters or the window are invalid.
        NotReadyError: days or labels are missing.
    """
    use_case = project.use_case
    use_case.require(period)
    form_limits.require_text("reason", reason)
    chosen = merge_parameters(use_case, parameters)
    first, last = splits.training_window(use_case, period, window_periods)
    view = project.lake.as_of(period)
    made_from = training_inputs(use_case, view, first, last, chosen)
    registry = project.registry
    for done in registry.complete_runs(made_from.fingerprint):
        if _is_usable(registry, done, made_from.fingerprint):  # otherwise training again repairs it
            return _result(registry, done, reused=True)
    with engine.load_rows(project, view, first, last) as rows:
        mixed = [table.summary for table in staleness.find_mixed_history(project, first, period)]
        report = _report(view, first, last, rows.rows, rows.cut)
        report |= {"stale": _stale(project, view, first), "mixed_history": mixed}
        given: dict[str, str] = {REASON: reason, NOTICE: use_case.notice, REPORT: json.dumps(report)}
        given[MIXED_HISTORY] = "; ".join(mixed)
        given |= {TUNED_BY: tuned_by} if tuned_by else {}
        derived = {FINGERPRINT: made_from.fingerprint, RECIPE: TrainingSpec.from_inputs(use_case, made_from).to_tag()}
        tags = given | derived | made_from.tags()
        run_id = registry.start_run(f"{use_case.name} as of {period}", tags)
        with ended_run(registry, run_id):
            fitted = rows.fit(chosen)
            outputs = run_logging.TrainingOutputs(
                made_from, rows.cut, rows.parts, fitted, rows.predict(fitted.model), report
            )
            run_logging.log_training_run(project, run_id, outputs, tags)
    return _result(registry, run_id, reused=False)


def _report(view: AsOfSnapshot, first: Period, last: Period, labelled_rows: int, cut: Splits) -> dict[str, Any]:
    """Return the splits of the window, and its unused rows, features and days."""
    available = view.partitions("features", first, last)
    return {
        "splits": cut.bounds(),
        "unlabelled_rows": sum(partition.rows for partition in available.values()) - labelled_rows,
        "null_features": _null_features(view, first, last),
        "missing_periods": _ranges([period for period in period_range(first, last) if period not in available]),
    }


def _stale(project: Project, view: AsOfSnapshot, first: Period) -> list[str]:
    """Describe the stale periods of each table that the training reads."""
    tables = staleness.find_stale(project, first, view.period, tables=("labels", "features"))
    return [table.summary for table in tables if table.stale]


@contextlib.contextmanager
def ended_run(runs: Runs, run_id: str) -> Iterator[None]:
    """End the run with the block: as complete, or as failed if it raised.

    Failed runs are never used.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(MlflowUnreachableError):  # the error of the training is more useful
            runs.end_run(run_id, failed=True)
        raise
    runs.end_run(run_id, failed=False)


def _is_usable(registry: Registry, run_id: str, fingerprint: str) -> bool:
    """Return whether a run has a signed record of that training and its model loads."""
    try:
        candidate = registry.candidate(run_id)
    except UnprovenVersionError:
        return False
    return candidate.fingerprint == fingerprint and registry.loadable(candidate)


def _result(registry: Registry, run_id: str, *, reused: bool) -> TrainResult:
    """Return the result of a complete run."""
    candidate = registry.candidate(run_id)
    report = candidate.report
    counted = [metrics.split_metrics(candidate.metrics, split)["model"]["rows"] for split in report["splits"]]
    return TrainResult(
        run_id=run_id,
        fingerprint=candidate.tags[FINGERPRINT],
        as_of=candidate.tags[AS_OF],
        reused=reused,
        splits=report["splits"],
        rows=int(sum(counted)),
        unlabelled_rows=report["unlabelled_rows"],
        null_features=report.get("null_features", {}),
        missing_periods=tuple(report["missing_periods"]),
        stale=tuple(report.get("stale", ())),
        mixed_history=tuple(report.get("mixed_history", ())),
        test=metrics.split_metrics(candidate.metrics, "test"),
    )


def training_inputs(
    use_case: UseCase, view: AsOfSnapshot, first: Period, last: Period, chosen: Parameters
) -> TrainingInputs:
    """Return the inputs of a training as of the view's day.

    Raises:
        FeaturesMissingError: the day has no features, so labels known by then may be missing.
    """
    if not view.partitions("features", view.period, view.period):
        # The labels known at a day are written before its features: without features, labels may be missing.
        raise FeaturesMissingError(use_case.name, view.period, ", so the labels known by then are not complete")
    made = provenance.current_provenance(use_case)
    return TrainingInputs(
        as_of=view.period,
        first=first,
        last=last,
        parameters=chosen,
        data={
            FEATURES_VERSION: str(view.version("features")),
            FEATURES_DIGEST: view.digest_of_periods("features", first, last),
            LABELS_VERSION: str(view.version("labels")),
            LABELS_DIGEST: view.digest_of_periods("labels", use_case.labels_since(first), view.period),
        },
        code=made.code,
        commit=made.commit,
        lock=made.lock,
        processor=made.processor,
        declaration=spec.declaration_values(use_case),
    )


def _null_features(view: AsOfSnapshot, first: Period, last: Period) -> dict[str, list[str]]:
    """Return the days built before each feature was declared, and log a warning.

    Days are ranges, by feature.
    """
    declared = view.lake.use_case.features
    null_periods = {
        name: _ranges(periods)
        for name, periods in view.absent_columns("features", first, last).items()
        if name in declared
    }
    for name, ranges in null_periods.items():
        log.warning(
            "%s: feature %s is null on %s, which were built before it was declared. Run these periods again to fill"
            " it.",
            *(view.lake.use_case.name, name, ", ".join(ranges)),
        )
    return null_periods


def _ranges(periods: Sequence[Period]) -> list[str]:
    """Return ranges of consecutive days.

    A tag in MLflow has at most 8,000 characters.
    """
    ranges: list[tuple[Period, Period]] = []
    for period in periods:
        if ranges and period - ranges[-1][1] == 1:
            ranges[-1] = (ranges[-1][0], period)
        else:
            ranges.append((period, period))
    return [f"{first}..{last}" if first != last else str(first) for first, last in ranges]
