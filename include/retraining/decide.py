"""Decide by the use case's policy whether a day triggers a training, and store the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pyarrow as pa

from include.errors import PartitionMissingError
from include.lake import schemas
from include.lake.snapshot import AsOfSnapshot
from include.project import Project
from include.retraining import policy as retraining_policy
from include.retraining.budget import RetrainingBudget
from include.retraining.policy import CurrentChampion, MeasuredPeriod, Outcome, PastDecision, RetrainingDecision


@dataclass(frozen=True)
class DecideResult:
    """Hold the decision of a day; plain values."""

    day: str
    outcome: str
    """retrain or hold."""
    reason: str
    model_version: str | None
    new: bool
    """Whether this call made the decision."""


def decide_retraining(project: Project, day: date) -> DecideResult:
    """Make the decision of the day; an existing decision is returned unchanged.

    It depends on the metrics up to the day, the earlier decisions with their results, the champion of the day and the
    claims of its month. If two processes decide at once, both return the decision that was stored first.

    Raises:
        InvalidRequestError: the day is before the first.
        PartitionMissingError: the day has no metrics, or the day before has no decision.
    """
    use_case = project.use_case
    use_case.require(day)
    if existing := existing_decision(project, day):
        return existing
    require_decision_before(project, day)
    view, policy = project.lake.as_of(day), use_case.retraining
    if day not in view.partitions("metrics", since=day):
        raise PartitionMissingError(use_case.name, "metrics", day)
    decided, claimed = (
        decision_history(project, day),
        {claim.day for claim in RetrainingBudget.of(project).of_month(day)},
    )
    since = day - timedelta(days=policy.look_back_periods)
    decision = retraining_policy.decide_by_policy(
        policy, day, _measured(view, since), decided, _champion(project, day), claimed
    )
    before = day - timedelta(days=1)
    begins = "" if any(past.day == before for past in decided) else " The chain of decisions begins here."
    new = _write(view, decision, decision.reason + begins)
    stored = existing_decision(project, day)
    assert stored is not None
    return replace(stored, new=new)


def existing_decision(project: Project, day: date) -> DecideResult | None:
    """Return the decision of a day; None if it is not decided."""
    rows = project.lake.as_of(day).read("decisions", day).to_pylist()
    if not rows:
        return None
    return DecideResult(day.isoformat(), rows[0]["outcome"], rows[0]["reason"], rows[0]["model_version"], new=False)


def missing_decision_before(project: Project, day: date) -> date | None:
    """Return the day before if its decision must be made first; None if `day` may be decided.

    A chain of decisions begins with `day` if the day before had no champion, or if no day within the policy's look-back
    is decided.
    """
    before = retraining_policy.missing_decision(
        project.use_case.retraining, day, set(project.lake.as_of(day).partitions("decisions"))
    )
    return (
        before
        if before is not None and before >= project.use_case.first_period and _champion(project, before)
        else None
    )


def require_decision_before(project: Project, day: date) -> None:
    """Check that the decision of the day before is made, if it must be made first.

    Raises:
        PartitionMissingError: it is missing.
    """
    if before := missing_decision_before(project, day):
        raise PartitionMissingError(
            project.use_case.name, "decisions", before, f", and the decision of {day} depends on them"
        )


def has_no_open_retraining(project: Project, day: date) -> bool:
    """Return whether all trainings decided within the look-back before the day have an outcome."""
    earliest = day - retraining_policy.decision_lookback(project.use_case.retraining)
    return not any(
        decision.outcome == "retrain" and decision.result is None and earliest <= decision.day < day
        for decision in decision_history(project, day)
    )


def decision_history(project: Project, day: date) -> list[PastDecision]:
    """Return the decisions within the look-back, all earlier trainings, and later decisions.

    Earlier ones have their results. A later decision forbids a training whatever it is, so each is returned as a hold.
    """
    reach = retraining_policy.decision_lookback(project.use_case.retraining)
    view = project.lake.as_of(day)
    results = {row["day"]: row["outcome"] for row in view.read("retrainings").to_pylist()}
    outcomes: dict[date, Outcome] = dict.fromkeys(results, "retrain")
    outcomes |= {row["day"]: row["outcome"] for row in view.read("decisions", since=day - reach).to_pylist()}
    known = [PastDecision(past, outcome, results.get(past)) for past, outcome in sorted(outcomes.items()) if past < day]
    later = project.lake.as_of(day + reach).partitions("decisions", since=day + timedelta(days=1))
    return [*known, *(PastDecision(later_day, "hold") for later_day in later)]


def _champion(project: Project, day: date) -> CurrentChampion | None:
    entry = project.ledger.champion_apart_from(None, day)
    return CurrentChampion(entry.version, entry.effective_from) if entry else None


def _measured(view: AsOfSnapshot, since: date) -> list[MeasuredPeriod]:
    """Return the signals of each measured day from `since` on."""
    by_day: dict[date, list[Mapping[str, object]]] = {}
    for row in view.read("metrics", since=since).to_pylist():
        by_day.setdefault(row["day"], []).append(row)
    return [retraining_policy.signals_of(day, rows) for day, rows in sorted(by_day.items())]


def _write(view: AsOfSnapshot, decision: RetrainingDecision, reason: str) -> bool:
    """Store the decision unless the day has one; return whether it was stored."""
    lake, day = view.lake, view.day
    row = {
        "outcome": decision.outcome,
        "reason": reason,
        "signals": decision.signals_json(),
        "model_version": decision.model_version,
    }
    commit = lake.replace(
        "decisions",
        day,
        pa.Table.from_pylist([row], schema=schemas.content(lake.use_case, "decisions")),
        inputs={"metrics": view.digest("metrics", day), "retrainings": view.digest_of_periods("retrainings")},
        stage="decide",
        if_absent=True,
    )
    return commit.changed
