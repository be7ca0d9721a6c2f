"""Decide: whether a day's measures, and those before, ask for a training, by the policy of the use case."""

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
    """The decision that stands; plain values."""

    day: str
    outcome: str
    """retrain or hold."""
    reason: str
    model_version: str | None
    new: bool
    """Whether this call has made it."""


def decide_retraining(project: Project, day: date) -> DecideResult:
    """Make the decision of the day, once: decided before, it stands, whatever became known since.

    Reads the measures up to the day, the decisions before it with what became of them, the champion of the day and the
    claims of its month. Where two decide at once, the first stands, and both return it. Raises InvalidRequestError (a
    day before the first), PartitionMissingError (no measures of the day, or no decision of the day before).
    """
    use_case = project.use_case
    use_case.require(day)
    if stands := existing_decision(project, day):
        return stands
    require_decision_before(project, day)
    view, policy = project.lake.as_of(day), use_case.retraining
    if day not in view.partitions("metrics", since=day):
        raise PartitionMissingError(use_case.name, "metrics", day)
    decided, claimed = (
        decision_history(project, day),
        {claim.day for claim in RetrainingBudget.of(use_case).of_month(day)},
    )
    since = day - timedelta(days=policy.look_back_periods)
    decision = retraining_policy.decide_by_policy(
        policy, day, _measured(view, since), decided, _champion(project, day), claimed
    )
    before = day - timedelta(days=1)
    begins = "" if any(each.day == before for each in decided) else " The chain of decisions begins here."
    new = _write(view, decision, decision.reason + begins)
    stands = existing_decision(project, day)
    assert stands is not None
    return replace(stands, new=new)


def existing_decision(project: Project, day: date) -> DecideResult | None:
    """The decision of a day that is decided; None for one that is not."""
    rows = project.lake.as_of(day).read("decisions", day).to_pylist()
    if not rows:
        return None
    return DecideResult(day.isoformat(), rows[0]["outcome"], rows[0]["reason"], rows[0]["model_version"], new=False)


def missing_decision_before(project: Project, day: date) -> date | None:
    """The day before, where its decision must be made first; None where `day` may be decided.

    The chain begins where nobody flew the day before, and where nothing was decided as far back as the policy looks.
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
    """PartitionMissingError, naming the day before, where its decision must be made first."""
    if before := missing_decision_before(project, day):
        raise PartitionMissingError(
            project.use_case.name, "decisions", before, f", and the decision of {day} builds on them"
        )


def has_no_open_retraining(project: Project, day: date) -> bool:
    """Whether what became of every training that was decided before the day is known, as far back as the policy
    looks."""
    earliest = day - retraining_policy.decision_lookback(project.use_case.retraining)
    return not any(
        each.outcome == "retrain" and each.result is None and earliest <= each.day < day
        for each in decision_history(project, day)
    )


def decision_history(project: Project, day: date) -> list[PastDecision]:
    """Decisions near the day with what became of them, and trainings before it; also later decisions, which forbid one.

    Of a later decision, only that it was made is told.
    """
    reach = retraining_policy.decision_lookback(project.use_case.retraining)
    view = project.lake.as_of(day)
    results = {row["day"]: row["outcome"] for row in view.read("retrainings").to_pylist()}
    outcomes: dict[date, Outcome] = dict.fromkeys(results, "retrain")
    outcomes |= {row["day"]: row["outcome"] for row in view.read("decisions", since=day - reach).to_pylist()}
    known = [PastDecision(each, outcome, results.get(each)) for each, outcome in sorted(outcomes.items()) if each < day]
    later = project.lake.as_of(day + reach).partitions("decisions", since=day + timedelta(days=1))
    return [*known, *(PastDecision(each, "hold") for each in later)]


def _champion(project: Project, day: date) -> CurrentChampion | None:
    entry = project.ledger.champion_apart_from(None, day)
    return CurrentChampion(entry.version, entry.effective_from) if entry else None


def _measured(view: AsOfSnapshot, since: date) -> list[MeasuredPeriod]:
    """The signals of each measured day from `since` on."""
    by_day: dict[date, list[Mapping[str, object]]] = {}
    for row in view.read("metrics", since=since).to_pylist():
        by_day.setdefault(row["day"], []).append(row)
    return [retraining_policy.signals_of(day, rows) for day, rows in sorted(by_day.items())]


def _write(view: AsOfSnapshot, decision: RetrainingDecision, reason: str) -> bool:
    """Whether this one stands; not where another was first."""
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
