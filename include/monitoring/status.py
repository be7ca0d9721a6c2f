"""Status: today's state of a use case in one line, with why and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from include.declaration.monitoring import PERFORMANCE, SKILL_LOSS, WORSE_THAN_BASELINE
from include.monitoring.metric_table import MetricValue

Name = Literal["ok", "degraded", "retraining", "no model", "not measured", "unclear", "stale", "damaged"]
SHOWN_ONLY = frozenset({"psi"})
"""Metrics whose limits are for the eye: alone they fire every day, so they make nothing degraded."""
NOT_MEASURED = frozenset({"weighted_drift", "prediction_drift", "psi", "state", "published"})
"""Metrics without which nobody knows whether anything drifts. Performance waits for labels, and says so."""
REQUIRED = (("weighted_drift", "features"), ("prediction_drift", "prediction"))
"""What must have been judged before anything is called well: metric and subject."""
STALE = {"model": "is {} days old", "labels": "are {} days late"}
"""Subject of staleness to the words for its days; of any other, its age."""
OF_FEEDS = frozenset({"published", "quarantined", "volume_change"})
"""Metrics whose states leave out which feed they are about."""
MANY = 3
"""So many breaches are named in the line; the table below it has all."""


@dataclass(frozen=True)
class Status:
    """The line."""

    name: Name
    why: str
    do: str
    notes: tuple[str, ...] = ()
    """What else a person should know: what is not judged, what is shown only."""


@dataclass(frozen=True)
class StatusInputs:
    """What the line is told from."""

    use_case: str
    day: date
    """The day looked at."""
    today: date | None
    """The day it is now; None where an earlier day is looked at on purpose, which cannot be stale."""
    stale_days: int
    rows: Sequence[MetricValue]
    """The measures of `day`."""
    champion: str | None
    """The version that flies on that day."""
    performance: Sequence[tuple[str, str]] = ()
    """Metric and subject of every comparison of performance that has a limit."""
    training: str = ""
    """Why a training was decided whose outcome is not recorded yet; empty if there is none."""
    training_since: date | None = None
    problems: Sequence[str] = ()
    """Tables that cannot be read."""


def overall_status(seen: StatusInputs) -> Status:
    """The most serious of what is seen; whatever could not be measured is named, and never taken for good."""
    silent, noted = _silent(seen.rows), _notes(seen.rows)
    notes = (*silent, *(note for note in noted if note not in silent))
    if seen.problems:
        return Status("damaged", " ".join(seen.problems), "Nothing below is to be trusted before that is mended.")
    if seen.champion is None:
        why = f"No version is champion on {seen.day}, so nothing is scored."
        return Status(
            "no model", why, f"Train one: trigger {seen.use_case}__train, and read what its gates say.", notes
        )
    if not seen.rows:
        why = f"{seen.day} was not measured."
        return Status("not measured", why, f"Run {seen.use_case}__monitor for it: unpause the DAG, or backfill it.")
    broken = _broken(seen.rows)
    if seen.today is not None and (late := (seen.today - seen.day).days) > seen.stale_days:
        why = f"The newest measured day is {seen.day}, {late:,} days ago. What holds since then is not known."
        do = f"Unpause {seen.use_case}__monitor, or look at its newest run; for other days, backfill it."
        return Status("stale", why, do, (*broken, *notes))
    if seen.training:
        since = f" since {seen.training_since}" if seen.training_since else ""
        do = f"Wait for {seen.use_case}__retrain to record what came of it; a failed run says what to do."
        return Status("retraining", f"A training was decided{since}: {seen.training}", do, (*broken, *notes))
    return _measured(seen, broken, silent, notes)


def _measured(seen: StatusInputs, broken: tuple[str, ...], silent: tuple[str, ...], notes: tuple[str, ...]) -> Status:
    if broken:
        more = f" And {len(broken) - MANY} more." if len(broken) > MANY else ""
        return Status("degraded", " ".join(broken[:MANY]) + more, _remedy(seen), notes)
    if silent:
        why = " ".join(silent)
        further = tuple(note for note in notes if note.rstrip(".") not in why)
        return Status("unclear", why, "Whether anything drifts is not known before that is done.", further)
    judged = sum(row.breached is not None for row in seen.rows)
    why = f"Of {judged} limits that were judged, none that matters is broken."
    if waiting := _unjudged(seen):
        further = tuple(note for note in notes if note not in waiting)
        return Status("ok", why, f"Performance is not judged yet: {' '.join(waiting)}", further)
    return Status("ok", why, "Nothing to do.", notes)


def _silent(rows: Sequence[MetricValue]) -> tuple[str, ...]:
    """Why nobody knows whether anything drifts; empty where it is known."""
    found = [_state(row) for row in rows if row.metric in NOT_MEASURED and row.value is None]
    judged = {(row.metric, row.subject) for row in rows if row.breached is not None or row.value is None}
    lost = [metric for metric, subject in REQUIRED if (metric, subject) not in judged]
    found += [f"Nothing says what {metric.replace('_', ' ')} was; the run's log may say why." for metric in lost]
    return tuple(dict.fromkeys(found))


def _unjudged(seen: StatusInputs) -> tuple[str, ...]:
    """Why limits of performance were not judged; empty where all were. A value alone is no verdict."""
    rows = [row for row in seen.rows if row.metric.startswith(PERFORMANCE)]
    there = {(row.metric, row.subject) for row in rows}
    found = [_state(row) for row in rows if row.limit is not None and row.breached is None]
    lost = [
        f"Nothing says what {metric} of {subject} is."
        for metric, subject in seen.performance
        if (metric, subject) not in there
    ]
    return tuple(dict.fromkeys([*found, *lost]))


def _broken(rows: Sequence[MetricValue]) -> tuple[str, ...]:
    """A sentence for each breach that matters, performance first."""
    broken = [row for row in rows if row.breached and row.metric not in SHOWN_ONLY]
    return tuple(in_words(row) for row in sorted(broken, key=order))


def order(row: MetricValue) -> tuple[bool, str, str]:
    """In which order breaches are told: performance first."""
    return not row.metric.startswith(PERFORMANCE), row.metric, row.subject


def _notes(rows: Sequence[MetricValue]) -> tuple[str, ...]:
    shown = sorted(row.subject for row in rows if row.breached and row.metric in SHOWN_ONLY)
    waiting = dict.fromkeys(
        _state(row) for row in rows if row.breached is None and row.state and row.metric not in NOT_MEASURED
    )
    what = "feature differs" if len(shown) == 1 else "features differ"
    noted = [
        f"{len(shown)} {what} from the training days: {', '.join(shown[:MANY])}{'…' if len(shown) > MANY else '.'}"
    ]
    return (*(noted if shown else ()), *waiting)


def _state(row: MetricValue) -> str:
    """Why a row has no value or no verdict, after the value that it has."""
    state = _sentence(row.state or f"{row.metric.replace('_', ' ')} could not be measured")
    state = f"{row.subject}: {state}" if row.metric in OF_FEEDS else state
    return state if row.value is None else f"{in_words(row)} {state}"


def in_words(row: MetricValue) -> str:
    """A measure with its limit as a sentence."""
    value, limit = _number(row.value), "" if row.limit is None else f" (limit {_number(row.limit)})"
    if row.metric.startswith(PERFORMANCE):
        return _compared(row, value, limit)
    wordings = {
        "weighted_drift": f"Features drift: weighted by importance {value}{limit}.",
        "prediction_drift": f"Predictions drift: PSI {value}{limit}.",
        "psi": f"{row.subject} drifts: PSI {value}{limit}.",
        "volume_change": f"Rows of {row.subject} changed by {_share(row.value)}{limit}.",
        "null_share": f"{_share(row.value)} of {row.subject} are null{limit}.",
        "unseen_share": f"{_share(row.value)} of {row.subject} are categories never seen in training{limit}.",
        "unscored_rows": f"{value} rows have features and no prediction, or the reverse: score the day again.",
        "staleness": f"The {row.subject} {STALE.get(row.subject, 'are {} days old').format(value)}{limit}.",
    }
    return wordings.get(row.metric, f"{row.metric.replace('_', ' ')} of {row.subject}: {value}{limit}.")


def _compared(row: MetricValue, value: str, limit: str) -> str:
    """A comparison of performance with its lower bound, which is what is held against the limit."""
    kind, _, metric = row.metric.partition("/")
    sure = f", lower bound {_number(row.lower)}" if row.lower is not None and row.limit is not None else ""
    amount, worse = value.removeprefix("-"), not value.startswith("-")
    name, days = metric.replace("_", " "), f"On {row.days} {'day' if row.days == 1 else 'days'}"
    if f"{kind}/" == SKILL_LOSS:
        change = "smaller" if worse else "greater"
        return (
            f"{days} the lead in {name} over the {row.subject} is {amount} {change} than on the test days{sure}{limit}."
        )
    than = f"the {row.subject}" if f"{kind}/" == WORSE_THAN_BASELINE else "on the test days"
    return f"{days} {name} is {amount} {'worse' if worse else 'better'} than {than}{sure}{limit}."


def _remedy(seen: StatusInputs) -> str:
    metrics = {row.metric for row in seen.rows if row.breached}
    if metrics & {"staleness", "volume_change", "null_share", "unseen_share"} and not any(
        metric.startswith(PERFORMANCE) for metric in metrics
    ):
        return f"Look at {seen.use_case}__data and Data Docs first: the data may be wrong, not the model."
    return "The last decision below says whether a training follows, and if not, why."


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "An unknown share" if value is None else f"{value:.0%}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
