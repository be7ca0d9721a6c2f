"""Decide from measured days, by the declared policy, whether to retrain. Pure.

The rule "at least n of the last m windows, and the newest" is that of Databricks' mlops-stacks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from include.declaration.monitoring import Retraining
from include.declaration.period import Period
from include.monitoring.definitions import ESTIMATED_PERFORMANCE
from include.retraining.estimate_record import EstimateRecord
from include.retraining.signals import MeasuredPeriod, SignalFinding, SignalValue

Outcome = Literal["retrain", "hold"]
Result = Literal["promoted", "rejected", "not promoted", "failed", "not started"]
"""Outcome of a training that was decided: the table `retrainings`."""
NOT_CONVINCING = ("rejected", "not promoted")
"""Results with a challenger that did not replace the champion. Failed or not started trainings do not count."""


@dataclass(frozen=True)
class CurrentChampion:
    """Hold the champion of a day by the ledger at the time of the decision."""

    version: str
    since: Period


@dataclass(frozen=True)
class PastDecision:
    """Hold an earlier decision, with the result of its training if there is one."""

    period: Period
    outcome: Outcome
    result: Result | None = None


@dataclass(frozen=True)
class RetrainingDecision:
    """Hold whether to train, with the reason in sentences."""

    outcome: Outcome
    reason: str
    signals: tuple[SignalFinding, ...]
    model_version: str | None

    @property
    def retrain(self) -> bool:
        return self.outcome == "retrain"

    def signals_json(self) -> str:
        """Return the signals in the format of the table `decisions`."""
        return json.dumps([asdict(finding) for finding in self.signals])


def decision_lookback(policy: Retraining) -> int:
    """Return how many days back earlier decisions can affect a decision."""
    return policy.decision_lookback_periods


def decide_by_policy(
    policy: Retraining,
    period: Period,
    measured: Sequence[MeasuredPeriod],
    decided: Sequence[PastDecision],
    champion: CurrentChampion | None,
    claimed: Collection[Period] = (),
    record: EstimateRecord = EstimateRecord(),  # noqa: B008 - a frozen value
) -> RetrainingDecision:
    """Decide whether `period` triggers a training that the policy allows.

    The days before it count too. `measured` and `decided` may be in any order. Later days are ignored in `measured`.
    The decision is a hold if a later day within the look-back is decided, since decisions build on each other in the
    order of days, or if the `champion` is not the version that was measured, since the measurements do not describe the
    current champion. `claimed` are the days whose training has a claim on the budget. An estimate triggers nothing
    until its `record` has shown that its intervals hold.
    """
    unmeasured = MeasuredPeriod(period, None, missing_reason="it was not measured")
    today = next((measurement for measurement in measured if measurement.period == period), unmeasured)
    if ESTIMATED_PERFORMANCE in policy.signals:
        today, measured = _without_unproven(today, record), [_without_unproven(each, record) for each in measured]
    signals = tuple(_finding(policy, signal, today, measured) for signal in policy.signals)
    triggered = any(finding.triggers for finding in signals)
    against = [*_replaced(today, champion), *_objections(policy, period, decided, claimed)]
    reason = _signals_text(policy, today, signals)
    if triggered and not against:
        return RetrainingDecision("retrain", reason, signals, today.version)
    if triggered:
        reason = f"{reason} But no training is triggered: {' '.join(against)}"
    return RetrainingDecision("hold", reason, signals, today.version)


def missing_decision(policy: Retraining, period: Period, decided: Collection[Period]) -> Period | None:
    """Return the day before if its decision is missing and must be made first.

    Returns None if it is decided, or if no day within the look-back is: then the chain of decisions begins with
    `period`.
    """
    before = period - 1
    if before in decided:
        return None
    return before if any(period - decision_lookback(policy) <= earlier < period for earlier in decided) else None


def cool_down(policy: Retraining, decided: Sequence[PastDecision]) -> tuple[int, int]:
    """Return the days between retrainings, and the consecutive rejections.

    The days are those from the last retraining to the next. A training that failed or was not started is ignored.
    """
    periods, rejections = float(policy.cool_down_periods), 0
    newest_first = sorted(decided, key=lambda decision: decision.period, reverse=True)
    for result in [decision.result for decision in newest_first if decision.outcome == "retrain"]:
        if result == "promoted":
            break
        if result in NOT_CONVINCING:
            rejections += 1
            periods = min(periods * policy.backoff_factor, policy.max_cool_down_periods)
    return int(periods), rejections


def _without_unproven(measured: MeasuredPeriod, record: EstimateRecord) -> MeasuredPeriod:
    """Return the day with its estimate as not judged, unless the record allows it."""
    estimate = measured.signals.get(ESTIMATED_PERFORMANCE)
    if estimate is None or estimate.breached is None or not (reason := record.missing_reason(measured.period.unit)):
        return measured
    unproven = replace(estimate, breached=None, missing_reason=reason)
    return replace(measured, signals={**measured.signals, ESTIMATED_PERFORMANCE: unproven})


def _finding(
    policy: Retraining, signal: str, today: MeasuredPeriod, measured: Sequence[MeasuredPeriod]
) -> SignalFinding:
    """Summarise a signal over the newest `of_periods` judged days of today's version."""
    value = today.signals.get(signal, SignalValue(None, missing_reason=today.missing_reason or "it was not measured"))
    earliest = today.period - policy.look_back_periods
    judged = [
        measurement.signals[signal].breached is True
        for measurement in sorted(measured, key=lambda measurement: measurement.period, reverse=True)
        if earliest < measurement.period <= today.period
        and measurement.version is not None
        and measurement.version == today.version
        if signal in measurement.signals and measurement.signals[signal].breached is not None
    ][: policy.of_periods]
    breaches = sum(judged)
    triggers = today.version is not None and value.breached is True and breaches >= policy.breaches
    judged_on = value.measured_period.key if value.measured_period else ""
    return SignalFinding(
        signal, value.breached, breaches, len(judged), policy.of_periods, value.value, value.limit,
        value.lower, triggers, value.metric, value.missing_reason, judged_on,
    )  # fmt: skip


def _replaced(today: MeasuredPeriod, champion: CurrentChampion | None) -> list[str]:
    """Return a sentence if the measured version is not champion, or nothing."""
    if today.version is None or (champion is not None and champion.version == today.version):
        return []
    if champion is None:
        return [f"Version {today.version} scored {today.period}, but no version is its champion."]
    return [
        f"Version {today.version} scored {today.period}, and version {champion.version} has been champion since"
        f" {champion.since}. To decide with it, score the {today.period.unit.name}s since then again (`rescore`) and"
        f" measure them first."
    ]


def _objections(
    policy: Retraining, period: Period, decided: Sequence[PastDecision], claimed: Collection[Period]
) -> list[str]:
    """Return the reasons, in sentences, why the policy allows no training on that day."""
    reasons = []
    later = [decision.period for decision in decided if period < decision.period <= period + decision_lookback(policy)]
    if later:
        reasons.append(
            f"The later {period.unit.name} {min(later)} is decided already, and {period.unit.name}s are decided in"
            f" order."
        )
    before = [decision for decision in decided if decision.period < period]
    trained = sorted(decision.period for decision in before if decision.outcome == "retrain")
    periods, rejections = cool_down(policy, before)
    if trained and period < (free := trained[-1] + periods):
        reason = f", longer because {_challengers(rejections)} not promoted" if rejections else ""
        reasons.append(
            f"The cool-down after the retraining of {trained[-1]} lasts until {free}"
            f" ({period.unit.counted(periods)}{reason})."
        )
    used = {past for past in {*trained, *claimed} if budget_month(past) == budget_month(period)} - {period}
    if len(used) >= policy.per_month:
        reasons.append(f"The budget of {budget_month(period)} is spent: {len(used)} of {policy.per_month} trainings.")
    open_ones = [
        decision.period
        for decision in before
        if decision.outcome == "retrain"
        and decision.result is None
        and decision.period >= period - decision_lookback(policy)
    ]
    if open_ones:
        reasons.append(f"The outcome of the retraining of {max(open_ones)} is not recorded yet.")
    return reasons


def budget_month(period: Period) -> str:
    """Return the month whose budget a training for that day uses.

    It is a calendar month, such as 2013-04.
    """
    return f"{period.start_date:%Y-%m}"


def _challengers(rejections: int) -> str:
    return "the last challenger was" if rejections == 1 else f"the last {rejections} challengers were"


def _signals_text(policy: Retraining, today: MeasuredPeriod, signals: Sequence[SignalFinding]) -> str:
    """Return a sentence for every signal, those that trigger first."""
    if not signals:
        return "The policy names no signal, so no training is ever triggered."
    if today.version is None:
        return f"Nothing can be judged on {today.period}: {today.missing_reason.rstrip('.')}."
    triggering = [finding for finding in signals if finding.triggers]
    head = "" if triggering else "No signal triggers a training. "
    ordered = [*triggering, *(finding for finding in signals if not finding.triggers)]
    return head + " ".join(_sentence(policy, today, finding) for finding in ordered)


def _sentence(policy: Retraining, today: MeasuredPeriod, finding: SignalFinding) -> str:
    name = finding.signal.replace("_", " ").capitalize()
    periods = (
        f"{finding.breaches} of the last {finding.measured} measured {today.period.unit.name}s of version"
        f" {today.version}"
    )
    values = _values_text(finding, today.period)
    if finding.breached is None:
        return (
            f"{name} was not judged on {today.period}: {(finding.missing_reason or 'no reason is given').rstrip('.')}."
        )
    if finding.triggers:
        return f"{name} triggers a training: it breached its limit on {today.period} ({values}) and on {periods}."
    if finding.breached:
        on = f"on {today.period} ({values}), but only on {periods}"
        return f"{name} breached its limit {on}: {policy.breaches} are needed."
    return f"{name} did not breach its limit ({values})."


def _values_text(finding: SignalFinding, period: Period) -> str:
    """Return value, bound and limit, and the last judged day if earlier.

    It is earlier than `period` without new labels.
    """
    value = "no value" if finding.value is None else f"{finding.value:.4g}"
    lower = "" if finding.lower is None else f", lower bound {finding.lower:.4g}"
    limit = "" if finding.limit is None else f", limit {finding.limit:.4g}"
    judged_on = finding.measured_period
    until = "" if judged_on in ("", period.key) else f", judged up to {judged_on}"
    return f"{finding.metric} {value}{lower}{limit}{until}".strip()
