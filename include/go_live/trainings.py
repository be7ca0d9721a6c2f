"""Train as of a period of a history, unless that is done already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from include.backfill.states import PeriodState, Step
from include.declaration.period import Period
from include.pipelines import train
from include.pipelines.context import PipelineRun
from include.project import Project
from include.registry.version_summary import VersionSummary, summarise_version


@dataclass(frozen=True)
class TrainingDone:
    """The version of a training, and whether it was promoted."""

    version: str
    promoted: bool
    reason: str
    waits: bool = False
    """Whether a person must still approve it."""


def find_done(project: Project, period: Period) -> TrainingDone | None:
    """Return the newest training as of a period that needs nothing more.

    A version that passed its gates and was not promoted may have been approved meanwhile, so it needs more.
    """
    entries = project.ledger.entries()
    summaries = [
        summarise_version(version, entries) for version in project.registry.versions() if version.as_of == period
    ]
    ended = [_done(summary) for summary in summaries if _is_ended(summary)]
    return ended[-1] if ended else None


def train_as_of(run: PipelineRun) -> TrainingDone:
    """Run the steps of the training DAG, from `prepare` to `promote`.

    Raises:
        AirworthyError: a step failed.
    """
    results = {step.__name__: step(run) for step in train.STEPS}
    promotion, passed = results["promote"], results["evaluate"].gates == "passed"
    waits = passed and not promotion.promoted and run.approval_required
    return TrainingDone(run.version, promotion.promoted, promotion.reason, waits)


def promoted_by(project: Project, states: Mapping[tuple[Step, Period], PeriodState]) -> list[TrainingDone]:
    """Return the trainings of a walk that made a champion, in order of periods.

    The walk is known by its states.
    """
    trained = sorted(period for (step, period), state in states.items() if step == "train" and state.outcome == "done")
    return [done for period in trained if (done := find_done(project, period)) is not None and done.promoted]


def _is_ended(summary: VersionSummary) -> bool:
    rejected = summary.approval is not None and not summary.approval.approved
    return bool(summary.promotions) or summary.gates in ("failed", "inconclusive") or rejected


def _done(summary: VersionSummary) -> TrainingDone:
    promoted = bool(summary.promotions)
    since = f"Champion from {summary.promotions[0].effective_from} on." if promoted else ""
    return TrainingDone(summary.number, promoted, since or summary.not_promoted or f"Its gates are {summary.gates}.")
