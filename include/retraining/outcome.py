"""Record the outcome of the training that a day's decision triggered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from include.declaration.period import Period
from include.lake import schemas
from include.project import Project
from include.registry.version_summary import VersionSummary, summarise_versions
from include.retraining import decide, outcome_rules
from include.retraining.policy import Result
from include.retraining.retraining_errors import NoTrainingError


@dataclass(frozen=True)
class OutcomeResult:
    """Hold the outcome of a training; plain values."""

    period: str
    outcome: Result
    reason: str
    model_version: str | None
    """The challenger, if one was registered."""
    training: str
    """Airflow's id of the training's run; empty if none was started."""


def record_training_outcome(
    project: Project,
    period: Period,
    training: str,
    *,
    state: str | None,
    version: str | None = None,
    promotion: Mapping[str, Any] | None = None,
    why_not: str = "",
) -> OutcomeResult:
    """Record the outcome in the day's partition of `retrainings`.

    Repeating it changes nothing. `training` is the id of the training's run and `state` its final state, None if it was
    not started, for the reason `why_not`; `version` and `promotion` are the results of its tasks `register` and
    `promote`, if any. If a person ran the training again, its new outcome replaces the recorded one.

    Raises:
        NoTrainingError: no training was decided on that day.
    """
    decision = decide.existing_decision(project, period)
    if decision is None or decision.outcome != "retrain":
        raise NoTrainingError(project.use_case.name, period)
    summary = _summary(project, version) if version else None
    outcome, reason = outcome_rules.training_outcome(
        training,
        state,
        promotion=promotion,
        decided=summary.approval if summary else None,
        status=summary.status or "" if summary else "",
        not_promoted=summary.not_promoted if summary else "",
        why_not=why_not,
    )
    row = {"outcome": outcome, "reason": reason, "model_version": version, "run_id": training if state else None}
    lake = project.lake
    lake.replace(
        "retrainings",
        period,
        pa.Table.from_pylist([row], schema=schemas.content_schema(project.use_case, "retrainings")),
        inputs={"decisions": lake.as_of(period).digest("decisions", period)},
        stage="record_outcome",
    )
    return OutcomeResult(period.key, outcome, reason, version, training if state else "")


def _summary(project: Project, number: str) -> VersionSummary:
    registry, entries = project.registry, project.ledger.entries()
    version = registry.version(number)
    return summarise_versions([version], entries, project.use_case.newest_period())[0]


def recorded_outcome(project: Project, period: Period) -> str | None:
    """Return the recorded outcome of the day; None if there is none."""
    rows = project.lake.as_of(period).read("retrainings", period).to_pylist()
    return rows[0]["outcome"] if rows else None
