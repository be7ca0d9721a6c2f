"""The step of `<use case>__score`."""

from __future__ import annotations

from dataclasses import dataclass

from include.monitoring import durations, monitor
from include.monitoring.monitor import MonitorResult
from include.pipelines.context import PipelineRun, Step
from include.scoring import score as scoring


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
    with durations.Stopwatch() as clock:
        result = scoring.score_period(
            project,
            period,
            version=params.get("version"),
            rescore=params.get("rescore") or False,
            allow_future_model=params.get("allow_future_model") or False,
        )
    if result.changed:  # the duration of a rerun without work is meaningless
        durations.record_duration(project, "score", period, clock, result.rows, result.version)
    return ScoreStepResult(result, monitor.remeasure_period(project, period))


STEPS: tuple[Step, ...] = (score,)
