"""Decide by the policy whether a day triggers a training; store it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.declaration.calendars import Calendar
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import PartitionMissingError
from include.lake import schemas
from include.lake.snapshot import AsOfSnapshot
from include.monitoring.definitions import ESTIMATE_ERROR, ESTIMATED_PERFORMANCE
from include.project import Project
from include.retraining import policy as retraining_policy
from include.retraining import signals
from include.retraining.budget import RetrainingBudget
from include.retraining.estimate_record import REACH, EstimateRecord, record_of
from include.retraining.policy import CurrentChampion, Outcome, PastDecision, RetrainingDecision
from include.retraining.signals import MeasuredPeriod


@dataclass(frozen=True)
class DecideResult:
    """Hold the decision of a day; plain values."""

    period: str
    outcome: str
    """retrain or hold."""
    reason: str
    model_version: str | None
    new: bool
    """Whether this call made the decision."""


def decide_retraining(project: Project, period: Period) -> DecideResult:
    """Make the decision of the day; an existing decision is returned unchanged.

    It depends on the metrics up to the day, the earlier decisions with their results, the champion of the day and the
    claims of its month. If two processes decide at once, both return the decision that was stored first.

    Raises:
        InvalidRequestError: the day is before the first.
        PartitionMissingError: the day has no metrics, or the day before has no decision.
    """
    use_case = project.use_case
    use_case.require(period)
    if existing := existing_decision(project, period):
        return existing
    require_decision_before(project, period)
    view, policy = project.lake.as_of(period), use_case.retraining
    if period not in view.partitions("metrics", since=period):
        raise PartitionMissingError(use_case.name, "metrics", period)
    decided, claimed = (
        decision_history(project, period),
        {claim.period for claim in RetrainingBudget.open(project).claims_of_month(period)},
    )
    since = period - policy.look_back_periods
    decision = retraining_policy.decide_by_policy(
        policy, period, _measured(view, since), decided, _champion(project, period), claimed, _record(use_case, view)
    )
    before = period - 1
    begins = "" if any(past.period == before for past in decided) else " The chain of decisions begins here."
    new = _write(view, decision, decision.reason + begins)
    stored = existing_decision(project, period)
    assert stored is not None
    return replace(stored, new=new)


def existing_decision(project: Project, period: Period) -> DecideResult | None:
    """Return the decision of a day; None if it is not decided."""
    rows = project.lake.as_of(period).read("decisions", period).to_pylist()
    if not rows:
        return None
    return DecideResult(period.key, rows[0]["outcome"], rows[0]["reason"], rows[0]["model_version"], new=False)


def missing_decision_before(project: Project, period: Period) -> Period | None:
    """Return the day before if it must be decided first, or None.

    With None, `period` may be decided. A chain of decisions begins with `period` if the day before had no champion, or
    if no day within the policy's look-back is decided.
    """
    before = retraining_policy.missing_decision(
        project.use_case.retraining, period, set(project.lake.as_of(period).partitions("decisions"))
    )
    return (
        before
        if before is not None and before >= project.use_case.first_period and _champion(project, before)
        else None
    )


def require_decision_before(project: Project, period: Period) -> None:
    """Check that the decision of the day before is made, if it must be made first.

    Raises:
        PartitionMissingError: it is missing.
    """
    if before := missing_decision_before(project, period):
        raise PartitionMissingError(
            project.use_case.name, "decisions", before, f", and the decision of {period} depends on them"
        )


def has_no_open_retraining(project: Project, period: Period) -> bool:
    """Return whether all trainings decided in the look-back have an outcome.

    The look-back ends before the day.
    """
    earliest = period - retraining_policy.decision_lookback(project.use_case.retraining)
    return not any(
        decision.outcome == "retrain" and decision.result is None and earliest <= decision.period < period
        for decision in decision_history(project, period)
    )


def decision_history(project: Project, period: Period) -> list[PastDecision]:
    """Return the look-back's decisions, earlier trainings, later decisions.

    Earlier ones have their results. A later decision forbids a training whatever it is, so each is returned as a hold.
    """
    reach = retraining_policy.decision_lookback(project.use_case.retraining)
    view = project.lake.as_of(period)
    results = _outcomes(view.read("retrainings"), project.use_case.calendar)
    outcomes: dict[Period, Outcome] = dict.fromkeys(results, "retrain")
    outcomes |= _outcomes(view.read("decisions", since=period - reach), project.use_case.calendar)
    known = [
        PastDecision(past, outcome, results.get(past)) for past, outcome in sorted(outcomes.items()) if past < period
    ]
    later = project.lake.as_of(period + reach).partitions("decisions", since=period + 1)
    return [*known, *(PastDecision(later_period, "hold") for later_period in later)]


def _outcomes(rows: pa.Table, calendar: Calendar) -> dict[Period, Any]:
    """Return the outcome of each day in rows of decisions or retrainings."""
    return calendar.by_period((row["period"], row["outcome"]) for row in rows.select(["period", "outcome"]).to_pylist())


def _champion(project: Project, period: Period) -> CurrentChampion | None:
    entry = project.ledger.champion_apart_from(None, period)
    return CurrentChampion(entry.version, entry.effective_from) if entry else None


def _measured(view: AsOfSnapshot, since: Period) -> list[MeasuredPeriod]:
    """Return the signals of each measured day from `since` on."""
    by_day: dict[Period, list[Mapping[str, object]]] = {}
    for row in view.read("metrics", since=since).to_pylist():
        by_day.setdefault(since.sibling(row["period"]), []).append(row)
    return [signals.signals_of(period, rows) for period, rows in sorted(by_day.items())]


def _record(use_case: UseCase, view: AsOfSnapshot) -> EstimateRecord:
    """Return how often the estimates held, by the labels known at the view's day.

    Not read unless the policy uses the estimates.
    """
    if ESTIMATED_PERFORMANCE not in use_case.retraining.signals:
        return EstimateRecord()
    rows = view.read("metrics", since=view.period - REACH)
    name = f"{ESTIMATE_ERROR}{use_case.task.main_metric}"
    return record_of(rows.filter(pc.equal(rows["metric"], name)).to_pylist())


def _write(view: AsOfSnapshot, decision: RetrainingDecision, reason: str) -> bool:
    """Store the decision unless the day has one; return whether it was stored."""
    lake, period = view.lake, view.period
    row = {
        "outcome": decision.outcome,
        "reason": reason,
        "signals": decision.signals_json(),
        "model_version": decision.model_version,
    }
    commit = lake.replace(
        "decisions",
        period,
        pa.Table.from_pylist([row], schema=schemas.content_schema(lake.use_case, "decisions")),
        inputs={"metrics": view.digest("metrics", period), "retrainings": view.digest_of_periods("retrainings")},
        stage="decide",
        if_absent=True,
    )
    return commit.changed
