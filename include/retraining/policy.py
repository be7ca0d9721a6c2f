"""Decisions to retrain: from what the days before showed, by the declared policy, with reasons. Pure.

The rule "at least n of the last m windows, and the newest" is that of Databricks' mlops-stacks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from include.declaration.monitoring import Retraining
from include.monitoring.definitions import MONITORING_METRICS, PERFORMANCE, SIGNALS, limit_label

Outcome = Literal["retrain", "hold"]
Result = Literal["promoted", "rejected", "not promoted", "failed", "not started"]
"""What became of a training that was decided: the table `retrainings`."""
NOT_CONVINCING = ("rejected", "not promoted")
"""A challenger was made, and the champion stayed. A training that failed or never started says nothing of the data."""
ROWS = {
    metric.signal: (metric.name, metric.signal_subject)
    for metric in MONITORING_METRICS.values()
    if metric.signal and metric.signal_subject
}
"""Signal to the metric and subject that show it."""
SHOWN_BY = {
    signal: tuple(metric.prefix for metric in MONITORING_METRICS.values() if metric.signal == signal)
    for signal in SIGNALS
    if signal not in ROWS
}
"""Signal to the first parts of the names of the metrics that show it, each with a limit."""


@dataclass(frozen=True)
class SignalValue:
    """What one day's measures say of one signal."""

    breached: bool | None
    """None: not judged that day."""
    value: float | None = None
    limit: float | None = None
    what: str = ""
    """The metric, where a signal is shown by several."""
    state: str = ""
    """Why it is not judged."""
    about: date | None = None
    """The day that it is of, or the last of several: performance is known of days long past only."""
    lower: float | None = None
    """The bound that is held against the limit; None where the value itself is."""


@dataclass(frozen=True)
class MeasuredPeriod:
    """One day's measures."""

    day: date
    version: str | None
    """The version that scored the day; None where nobody did."""
    signals: Mapping[str, SignalValue] = field(default_factory=dict)
    state: str = ""
    """Why the day has no version."""


@dataclass(frozen=True)
class CurrentChampion:
    """The champion of a day, as the ledger says while the day is decided."""

    version: str
    since: date


@dataclass(frozen=True)
class PastDecision:
    """An earlier decision, and what became of the training, if that was the decision and is known."""

    day: date
    outcome: Outcome
    result: Result | None = None


@dataclass(frozen=True)
class SignalFinding:
    """What one signal shows over the days that count."""

    signal: str
    breached: bool | None
    """On the newest day; None: not judged."""
    breaches: int
    """Days that broke, of the `measured` ones that count."""
    measured: int
    of_periods: int
    value: float | None
    limit: float | None
    lower: float | None
    asks: bool
    what: str = ""
    state: str = ""
    about: str = ""
    """The last day that it was judged on; empty where it was not."""


@dataclass(frozen=True)
class RetrainingDecision:
    """Whether to train, with reasons: sentences for a person."""

    outcome: Outcome
    reason: str
    signals: tuple[SignalFinding, ...]
    model_version: str | None

    @property
    def retrain(self) -> bool:
        return self.outcome == "retrain"

    def signals_json(self) -> str:
        """As the table `decisions` keeps them."""
        return json.dumps([asdict(finding) for finding in self.signals])


def decision_lookback(policy: Retraining) -> timedelta:
    """How far back a decision looks for earlier ones: beyond it, nothing decided then matters now."""
    return timedelta(days=policy.decision_lookback_periods)


def decide_by_policy(
    policy: Retraining,
    day: date,
    measured: Sequence[MeasuredPeriod],
    decided: Sequence[PastDecision],
    champion: CurrentChampion | None,
    claimed: Collection[date] = (),
) -> RetrainingDecision:
    """Whether the measures of `day` and the days before it ask for a training, and whether the policy allows one.

    `measured` and `decided` may be in any order. Measures of later days are never looked at; a later decision within
    the policy's memory makes this one a hold, since decisions build on each other in the order of days. So does a
    `champion` of the day other than the version that was measured: nobody trains against a model that no longer flies.
    `claimed` are the days whose training has a claim on the budget.
    """
    today = next((each for each in measured if each.day == day), MeasuredPeriod(day, None, state="it was not measured"))
    signals = tuple(_finding(policy, signal, today, measured) for signal in policy.signals)
    asking = [each for each in signals if each.asks]
    against = [*_replaced(today, champion), *_objections(policy, day, decided, claimed)]
    shown = _shown(policy, today, signals)
    if asking and not against:
        return RetrainingDecision("retrain", shown, signals, today.version)
    if asking:
        shown = f"{shown} But no training is triggered: {' '.join(against)}"
    return RetrainingDecision("hold", shown, signals, today.version)


def missing_decision(policy: Retraining, day: date, decided: Collection[date]) -> date | None:
    """The day before, where its decision must be made first; None where it is made, or the chain begins with `day`:
    no decision within the policy's memory before it."""
    before = day - timedelta(days=1)
    if before in decided:
        return None
    return before if any(day - decision_lookback(policy) <= each < day for each in decided) else None


def cool_down(policy: Retraining, decided: Sequence[PastDecision]) -> tuple[int, int]:
    """Days that must lie between the last retraining and the next, and the challengers in a row that did not convince.

    A training that failed or never started neither counts nor breaks the row.
    """
    days, row = float(policy.cool_down_periods), 0
    told = [each.result for each in sorted(decided, key=lambda each: each.day) if each.outcome == "retrain"]
    for result in reversed(told):
        if result == "promoted":
            break
        if result in NOT_CONVINCING:
            row += 1
            days = min(days * policy.backoff_factor, policy.max_cool_down_periods)
    return int(days), row


def signals_of(day: date, rows: Sequence[Mapping[str, Any]]) -> MeasuredPeriod:
    """The signals in one day's rows of the table `metrics`."""
    by_name = {(row["metric"], row["subject"]): row for row in rows}
    found: dict[str, SignalValue] = {
        signal: _reading([by_name[key]] if key in by_name else []) for signal, key in ROWS.items()
    }
    compared = [row for (metric, _), row in by_name.items() if metric.startswith(PERFORMANCE)]
    for signal, first_parts in SHOWN_BY.items():
        # A metric without a limit is only shown: where it is not defined, that un-judges nothing.
        shown = [row for row in compared if row["metric"].startswith(first_parts) and row["limit"] is not None]
        found[signal] = _reading(shown)
    about_today = [by_name[key] for key in ROWS.values() if key in by_name]
    versions = [row["model_version"] for row in [*about_today, *compared] if row["model_version"]]
    if versions:
        return MeasuredPeriod(day, versions[0], found)
    state = by_name.get(("state", "predictions"), {}).get("state") or "its measures name no model"
    return MeasuredPeriod(day, None, found, state)


def _reading(rows: Sequence[Mapping[str, Any]]) -> SignalValue:
    """Breached where any row is; not breached only where every row was judged."""
    if not rows:
        return SignalValue(None, state="there is no measure of it")
    ordered = sorted(rows, key=lambda row: (row["breached"] is not True, row["breached"] is not None, row["metric"]))
    row = ordered[0]
    compared = row["metric"].startswith(PERFORMANCE)
    return SignalValue(
        row["breached"], row["value"], row["limit"], limit_label(row["metric"], row["subject"]), row["state"] or "",
        row["about"], row["lower"] if compared else None,
    )  # fmt: skip


def _finding(
    policy: Retraining, signal: str, today: MeasuredPeriod, measured: Sequence[MeasuredPeriod]
) -> SignalFinding:
    """What a signal shows on the newest `of_periods` judged days of the version that scored `today`."""
    reading = today.signals.get(signal, SignalValue(None, state=today.state or "there is no measure of it"))
    earliest = today.day - timedelta(days=policy.look_back_periods)
    judged = [
        each.signals[signal].breached is True
        for each in sorted(measured, key=lambda each: each.day, reverse=True)
        if earliest < each.day <= today.day and each.version is not None and each.version == today.version
        if signal in each.signals and each.signals[signal].breached is not None
    ][: policy.of_periods]
    broke = sum(judged)
    asks = today.version is not None and reading.breached is True and broke >= policy.breaches
    return SignalFinding(
        signal, reading.breached, broke, len(judged), policy.of_periods, reading.value, reading.limit,
        reading.lower, asks, reading.what, reading.state, reading.about.isoformat() if reading.about else "",
    )  # fmt: skip


def _replaced(today: MeasuredPeriod, champion: CurrentChampion | None) -> list[str]:
    """That the version which was measured is not the one that flies, in a sentence, if so."""
    if today.version is None or (champion is not None and champion.version == today.version):
        return []
    if champion is None:
        return [f"Version {today.version} scored the day, and no version is its champion."]
    return [
        f"Version {today.version} scored the day, and version {champion.version} flies since {champion.since}. Score"
        " the days after it again (`rescore`) and measure them before they are decided, or let them be."
    ]


def _objections(policy: Retraining, day: date, decided: Sequence[PastDecision], claimed: Collection[date]) -> list[str]:
    """Why the policy allows no training on that day, in sentences."""
    said = []
    later = [each.day for each in decided if day < each.day <= day + decision_lookback(policy)]
    if later:
        said.append(f"{min(later)}, a later day, is decided already, and decisions are made in the order of days.")
    before = [each for each in decided if each.day < day]
    trained = sorted(each.day for each in before if each.outcome == "retrain")
    days, row = cool_down(policy, before)
    if trained and day < (free := trained[-1] + timedelta(days=days)):
        reason = f", longer because {_challengers(row)} not promoted" if row else ""
        said.append(f"The cool-down after the retraining of {trained[-1]} lasts until {free} ({days} days{reason}).")
    used = {each for each in {*trained, *claimed} if (each.year, each.month) == (day.year, day.month)} - {day}
    if len(used) >= policy.per_month:
        said.append(f"The budget of {day:%Y-%m} is spent: {len(used)} of {policy.per_month} trainings.")
    open_ones = [
        each.day
        for each in before
        if each.outcome == "retrain" and each.result is None and each.day >= day - decision_lookback(policy)
    ]
    if open_ones:
        said.append(f"The outcome of the retraining of {max(open_ones)} is not recorded yet.")
    return said


def _challengers(row: int) -> str:
    return "the last challenger was" if row == 1 else f"the last {row} challengers were"


def _shown(policy: Retraining, today: MeasuredPeriod, signals: Sequence[SignalFinding]) -> str:
    """What every signal shows, in sentences; those that ask first."""
    if not signals:
        return "The policy names no signal, so no training is ever triggered."
    if today.version is None:
        return f"Nothing can be judged on {today.day}: {today.state.rstrip('.')}."
    asking = [each for each in signals if each.asks]
    head = "" if asking else "No signal asks for a training. "
    ordered = [*asking, *(each for each in signals if not each.asks)]
    return head + " ".join(_sentence(policy, today, each) for each in ordered)


def _sentence(policy: Retraining, today: MeasuredPeriod, found: SignalFinding) -> str:
    name = found.signal.replace("_", " ").capitalize()
    days = f"{found.breaches} of the last {found.measured} measured days of version {today.version}"
    shown = _figures(found, today.day)
    if found.breached is None:
        return f"{name} was not judged on {today.day}: {(found.state or 'no reason is given').rstrip('.')}."
    if found.asks:
        return f"{name} asks for a training: it broke on {today.day} ({shown}) and on {days}."
    if found.breached:
        return f"{name} broke on {today.day} ({shown}), but on {days} only: {policy.breaches} are needed."
    return f"{name} did not break ({shown})."


def _figures(found: SignalFinding, day: date) -> str:
    """With the last day that it was judged on, where that is not the day itself: labels may have stopped since."""
    value = "no value" if found.value is None else f"{found.value:.4g}"
    lower = "" if found.lower is None else f", lower bound {found.lower:.4g}"
    limit = "" if found.limit is None else f", limit {found.limit:.4g}"
    about = "" if found.about in ("", day.isoformat()) else f", judged on days up to {found.about}"
    return f"{found.what} {value}{lower}{limit}{about}".strip()
