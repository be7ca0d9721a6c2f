"""Describe what a run of a pipeline did, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from include.lake.table_commit import Commit
from include.pipelines.context import DataRun, PipelineRun
from include.pipelines.monitor import MeasureStepResult
from include.pipelines.pipelines import Kind
from include.pipelines.score import ScoreStepResult, ShadowStepResult
from include.promotion.promote import PromoteResult
from include.training.train import TrainResult

Results = Mapping[str, Any]
"""Results of the steps of a run, by their names."""


def summarise_run(kind: Kind, run: PipelineRun, results: Results) -> Iterator[str]:
    """Yield the line of the period and, if needed, what to do next."""
    return _OF_KIND[kind](run, results)


def summarise_data(run: DataRun, results: Results) -> Iterator[str]:
    """Yield the line of a period whose data were landed and built."""
    features: Commit = results["build_features"]
    feeds = [f"{feed} {done.published:,} of {done.landed:,} rows valid" for feed, done in results["validate"].items()]
    rows = f"{features.partition.rows:,} rows of features"
    yield f"{run.period}  {'; '.join([*feeds, rows])}{_unchanged(features.changed)}"


def _score(run: PipelineRun, results: Results) -> Iterator[str]:
    result: ScoreStepResult = results["score"]
    done = result.scored
    crossed = f"; the quantiles of {done.crossed_intervals:,} crossed and were sorted" if done.crossed_intervals else ""
    by = f", predicted by {done.predicted_by}" if run.project.use_case.scoring.compiled else ""
    tried = f", {done.tried_rows:,} of them by version {done.tried}, which is tried" if done.tried else ""
    shadow: ShadowStepResult | None = results.get("score_shadow")
    scored = f"{done.rows:,} rows scored by version {done.version}{tried}"
    yield f"{run.period}  {scored}{by}{crossed}{_unchanged(done.changed)}"
    if shadow is None:
        return
    if shadow.failure is not None:
        yield f"  The version that is tried did not score it: {shadow.failure}"
    elif shadow.scored is not None:
        yield f"  Version {shadow.scored.version} scored it in its trial, too{_unchanged(shadow.scored.changed)}"


def _monitor(run: PipelineRun, results: Results) -> Iterator[str]:
    result: MeasureStepResult = results["measure"]
    done = result.measured
    breaches = f"; breached: {', '.join(done.breaches)}" if done.breaches else ""
    yield f"{run.period}  {done.figures:,} metrics measured{breaches}{_unchanged(done.changed)}"


def _train(run: PipelineRun, results: Results) -> Iterator[str]:
    trained: TrainResult = results["train"]
    reused = ", reused from an equal training" if trained.reused else ""
    yield f"{run.period}  version {run.version}: trained on {trained.rows:,} labelled rows{reused}"
    for gate_result in results["evaluate"].gate_results:
        yield f"  {gate_result['outcome']:<12} {gate_result['gate']}: {gate_result['reason']}"
    yield from _promotion(run, results["promote"], passed=results["evaluate"].gates == "passed")


def _promotion(run: PipelineRun, result: PromoteResult, *, passed: bool) -> Iterator[str]:
    """Say whether the version is the champion now.

    If a person must decide, say how that is done.
    """
    if result.promoted:
        yield f"  Version {result.version} is the champion from {result.effective_from} on: {result.reason}"
        return
    yield f"  Version {result.version} is not promoted: {result.reason}"
    if passed and run.approval_required:
        name = run.project.use_case.name
        yield (
            f"  A person must approve it: trigger {name}__train in Airflow for {run.period}. It finds this training"
            " and asks in its task `approve`."
        )


def _unchanged(changed: bool) -> str:
    return "" if changed else " (unchanged)"


_OF_KIND: Mapping[Kind, Callable[[PipelineRun, Results], Iterator[str]]] = {
    "data": summarise_data,
    "train": _train,
    "score": _score,
    "monitor": _monitor,
}
