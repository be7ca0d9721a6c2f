"""The steps of `<use case>__score`: score → export."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration import clock
from include.monitoring import monitor
from include.monitoring.monitor import MonitorResult
from include.pipelines.context import PipelineRun, Step
from include.scoring import export as exporting
from include.scoring import score as scoring
from include.scoring.export import Receipt


@dataclass(frozen=True)
class ScoreStepResult:
    """The result of scoring, and the measurements that were made again.

    They were made again because the predictions changed.
    """

    scored: scoring.ScoreResult
    remeasured: list[MonitorResult]


def score(run: PipelineRun) -> ScoreStepResult:
    """Score the period with its champion, and measure it again if needed.

    It is measured again if it was measured before. It is also measured again if it was scored already: an earlier run
    may have ended between scoring and measuring.
    """
    project, period, params = run.project, run.period, run.params
    with run.measured("score") as work:
        result = scoring.score_period(
            project,
            period,
            version=params.get("version"),
            rescore=params.get("rescore") or False,
            allow_future_model=params.get("allow_future_model") or False,
        )
        work.done(changed=result.changed, amount=result.rows, model_version=result.version)
    return ScoreStepResult(result, monitor.remeasure_period(project, period))


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


STEPS: tuple[Step, ...] = (score,)
