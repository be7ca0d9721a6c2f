"""Record the outcome: what became of the training that a day's decision asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from include.errors import InvalidRequestError
from include.lake import schemas
from include.project import Project
from include.registry import lifecycle
from include.registry.lifecycle import StandingApproval
from include.registry.tags import NOT_PROMOTED
from include.retraining import decide, outcome_rules
from include.retraining.policy import Result


@dataclass(frozen=True)
class OutcomeResult:
    """What became of the training; plain values."""

    day: str
    outcome: Result
    reason: str
    model_version: str | None
    """The challenger, if one was registered."""
    training: str
    """Airflow's id of the training's run; empty where none was started."""


def record_training_outcome(
    project: Project,
    day: date,
    training: str,
    *,
    state: str | None,
    version: str | None = None,
    promotion: Mapping[str, Any] | None = None,
    why_not: str = "",
) -> OutcomeResult:
    """Record the outcome in the day's partition of `retrainings`; the same again changes nothing.

    `training` is the id of the training's run and `state` how it ended, None where it was never started, which
    `why_not` explains; `version` and `promotion` are what its tasks `register` and `promote` returned, if they did.
    A training that a person has run again since is recorded anew. Raises InvalidRequestError where nothing was decided.
    """
    decision = decide.existing_decision(project, day)
    if decision is None or decision.outcome != "retrain":
        raise InvalidRequestError(
            f"{project.use_case.name}: no training was decided on {day}, so there is no outcome to record."
        )
    decided, life, told = _standing(project, version) if version else (None, "", "")
    outcome, reason = outcome_rules.training_outcome(
        training, state, promotion=promotion, decided=decided, life=life, told=told, why_not=why_not
    )
    row = {"outcome": outcome, "reason": reason, "model_version": version, "run_id": training if state else None}
    lake = project.lake
    lake.replace(
        "retrainings",
        day,
        pa.Table.from_pylist([row], schema=schemas.content(project.use_case, "retrainings")),
        inputs={"decisions": lake.as_of(day).digest("decisions", day)},
        stage="record_outcome",
    )
    return OutcomeResult(day.isoformat(), outcome, reason, version, training if state else "")


def _standing(project: Project, number: str) -> tuple[StandingApproval | None, str, str]:
    """Return what was decided on a version, its life, and why it was not promoted."""
    registry, entries = project.registry, project.ledger.entries()
    version = registry.version(number)
    life = lifecycle.lifecycle_states([version], entries, project.use_case.newest_period())[number]
    return lifecycle.approval_of(version, entries), life, version.tags.get(NOT_PROMOTED, "")


def recorded_outcome(project: Project, day: date) -> str | None:
    """The outcome on record for the day; None if there is none."""
    rows = project.lake.as_of(day).read("retrainings", day).to_pylist()
    return rows[0]["outcome"] if rows else None
