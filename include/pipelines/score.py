"""The steps of `<use case>__score`: score → score_shadow, and score → export.

In Airflow, a large period of a use case that declares it is scored in shards before: plan_shards → score_shard. The
command and backfills score each period by the step `score` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from include.declaration import clock
from include.monitoring import monitor
from include.monitoring.monitor import MonitorResult
from include.pipelines.context import PipelineRun, Step
from include.printable import printable_logger
from include.scoring import export as exporting
from include.scoring import score as scoring
from include.scoring import shadow, shards
from include.scoring.export import Receipt
from include.scoring.shard_plan import ShardPlan
from include.scoring.shards import ShardResult

log = printable_logger(__name__)


@dataclass(frozen=True)
class ScoreStepResult:
    """The result of scoring, and the measurements that were made again.

    They were made again because the predictions changed.
    """

    scored: scoring.ScoreResult
    remeasured: list[MonitorResult]


@dataclass(frozen=True)
class ShadowStepResult:
    """The result of scoring with the version that is tried."""

    scored: scoring.ScoreResult | None
    """None if no version is tried in the period, or scoring with it failed."""
    remeasured: list[MonitorResult]
    failure: Exception | None = None
    """Why scoring failed. It is returned, since the champion's predictions do not depend on it."""


def plan_shards(run: PipelineRun) -> ShardPlan | None:
    """Plan the shards of the period; return None if one task scores it."""
    return shards.plan_shards(run.project, run.period, **_chosen(run))


def score_shard(run: PipelineRun, number: int) -> ShardResult:
    """Score a shard of the run's plan; keep its predictions for `score`."""
    assert run.shard_plan is not None
    return shards.score_shard(run.project, run.shard_plan, number)


def score(run: PipelineRun) -> ScoreStepResult:
    """Score the period with its champion, and measure it again if needed.

    If its shards were scored, they are committed. It is measured again if it was measured before. It is also measured
    again if it was scored already: an earlier run may have ended between scoring and measuring.
    """
    project, period, plan = run.project, run.period, run.shard_plan
    with run.measured("score") as work:
        if plan is None:
            result = scoring.score_period(project, period, **_chosen(run))
        else:
            result = shards.commit_shards(project, plan, **_chosen(run))
        work.done(
            changed=result.changed,
            amount=result.rows,
            model_version=result.version,
            cpu_elsewhere=result.shard_cpu_seconds,
        )
    return ScoreStepResult(result, monitor.remeasure_period(project, period))


def score_shadow(run: PipelineRun) -> ShadowStepResult:
    """Score the period with the version that is tried next to the champion, if any.

    A failure is logged and returned, so that it never keeps the champion's later steps from being done.
    """
    project, period = run.project, run.period
    try:
        with run.measured("score_shadow") as work:
            scored = shadow.score_shadow(project, period)
            if scored is not None:
                work.done(changed=scored.changed, amount=scored.rows, model_version=scored.version)
        again = monitor.remeasure_trial(project, period, changed=scored.changed) if scored is not None else []
        return ShadowStepResult(scored, again)
    except Exception as error:
        log.warning("The version that is tried did not score %s: %s", period, error)
        return ShadowStepResult(None, [], error)


def _chosen(run: PipelineRun) -> dict[str, Any]:
    """Return which version scores the period, as the form says."""
    return {
        "version": run.params.get("version"),
        "rescore": run.params.get("rescore") or False,
        "allow_future_model": run.params.get("allow_future_model") or False,
    }


def export(run: PipelineRun) -> list[Receipt]:
    """Deliver the period's predictions to the declared destinations.

    Return the receipts.
    """
    with run.measured("export") as work:
        began = clock.now().isoformat()
        receipts = exporting.export_period(run.project, run.period)
        new = [receipt for receipt in receipts if receipt.delivered_at >= began]
        rows = max((receipt.rows for receipt in new), default=0)
        work.done(changed=bool(new), amount=rows, model_version=new[0].model_version if new else None)
    return receipts


STEPS: tuple[Step, ...] = (score, score_shadow)
