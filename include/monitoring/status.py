"""Status: today's state of a use case in one line, with why and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from include.monitoring.definitions import MONITORING_METRICS, PERFORMANCE, MonitoringMetric, find_metric, metric_label
from include.monitoring.metric_table import MetricValue

Name = Literal["ok", "degraded", "retraining", "no model", "not measured", "unclear", "stale", "damaged"]
REQUIRED = tuple((metric.name, metric.subject) for metric in MONITORING_METRICS.values() if metric.category == "drift")
"""What must have been judged before anything is called well: metric and subject."""
MANY = 3
"""So many breaches are named in the line; the table below it has all."""


@dataclass(frozen=True)
class Status:
    """The line."""

    name: Name
    reason: str
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
    stale_periods: int
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
        reason = f"No version is champion on {seen.day}, so nothing is scored."
        return Status(
            "no model", reason, f"Train one: trigger {seen.use_case}__train, and read what its gates say.", notes
        )
    if not seen.rows:
        reason = f"{seen.day} was not measured."
        return Status("not measured", reason, f"Run {seen.use_case}__monitor for it: unpause the DAG, or backfill it.")
    broken = _broken(seen.rows)
    if seen.today is not None and (late := (seen.today - seen.day).days) > seen.stale_periods:
        reason = f"The newest measured day is {seen.day}, {late:,} days ago. What holds since then is not known."
        do = f"Unpause {seen.use_case}__monitor, or look at its newest run; for other days, backfill it."
        return Status("stale", reason, do, (*broken, *notes))
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
        reason = " ".join(silent)
        further = tuple(note for note in notes if note.rstrip(".") not in reason)
        return Status("unclear", reason, "Whether anything drifts is not known before that is done.", further)
    judged = sum(row.breached is not None for row in seen.rows)
    reason = f"Of {judged} limits that were judged, none that matters is broken."
    if waiting := _unjudged(seen):
        further = tuple(note for note in notes if note not in waiting)
        return Status("ok", reason, f"Performance is not judged yet: {' '.join(waiting)}", further)
    return Status("ok", reason, "Nothing to do.", notes)


def _silent(rows: Sequence[MetricValue]) -> tuple[str, ...]:
    """Why nobody knows whether anything drifts; empty where it is known."""
    found = [_state(row) for row in rows if _is_needed(row) and row.value is None]
    judged = {(row.metric, row.subject) for row in rows if row.breached is not None or row.value is None}
    lost = [metric for metric, subject in REQUIRED if (metric, subject) not in judged]
    found += [f"Nothing says what {metric_label(metric)} was; the run's log may say why." for metric in lost]
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
    broken = [row for row in rows if row.breached and not is_shown_only(row)]
    return tuple(in_words(row) for row in sorted(broken, key=order))


def order(row: MetricValue) -> tuple[bool, str, str]:
    """In which order breaches are told: performance first."""
    return not row.metric.startswith(PERFORMANCE), row.metric, row.subject


def _notes(rows: Sequence[MetricValue]) -> tuple[str, ...]:
    shown = sorted(row.subject for row in rows if row.breached and is_shown_only(row))
    waiting = dict.fromkeys(_state(row) for row in rows if row.breached is None and row.state and not _is_needed(row))
    what = "feature differs" if len(shown) == 1 else "features differ"
    noted = [
        f"{len(shown)} {what} from the training days: {', '.join(shown[:MANY])}{'…' if len(shown) > MANY else '.'}"
    ]
    return (*(noted if shown else ()), *waiting)


def _state(row: MetricValue) -> str:
    """Why a row has no value or no verdict, after the value that it has."""
    state = _sentence(row.state or f"{metric_label(row.metric)} could not be measured")
    defined = find_metric(row.metric)
    of_feed = defined is not None and defined.subject == "<feed>"  # such a state leaves out which feed it is about
    state = f"{row.subject}: {state}" if of_feed else state
    return state if row.value is None else f"{in_words(row)} {state}"


def is_shown_only(row: MetricValue) -> bool:
    """Return whether a limit is for the eye: alone it breaks every day, so it makes nothing degraded."""
    defined = find_metric(row.metric)
    return defined is not None and defined.category == "feature"


def _is_needed(row: MetricValue) -> bool:
    """Return whether nobody knows about drift without this metric. Performance waits for labels, and says so."""
    defined = find_metric(row.metric)
    return defined is not None and defined.needed_for_drift


def in_words(row: MetricValue) -> str:
    """A measure with its limit as a sentence."""
    defined, value = find_metric(row.metric), _number(row.value)
    limit = "" if row.limit is None else f" (limit {_number(row.limit)})"
    if defined is None or not defined.breach:
        return f"{metric_label(row.metric)} of {row.subject}: {value}{limit}."
    words = {"subject": row.subject, "value": value, "share": _share(row.value), "limit": limit}
    if defined.is_comparison:
        words |= _compared(row, defined, value)
    return defined.breach_of.get(row.subject, defined.breach).format(**words)


def _compared(row: MetricValue, defined: MonitoringMetric, value: str) -> dict[str, str]:
    """The words of a comparison of performance, with its lower bound, which is what is held against the limit."""
    bound = f", lower bound {_number(row.lower)}" if row.lower is not None and row.limit is not None else ""
    return {
        "days": f"On {row.days} {'day' if row.days == 1 else 'days'}",
        "metric": metric_label(row.metric),
        "value": value.removeprefix("-"),
        "direction": defined.directions[value.startswith("-")],
        "bound": bound,
    }


def _remedy(seen: StatusInputs) -> str:
    defined = (find_metric(row.metric) for row in seen.rows if row.breached)
    categories = {metric.category for metric in defined if metric is not None}
    if categories & {"data", "staleness"} and "performance" not in categories:
        return f"Look at {seen.use_case}__data and Data Docs first: the data may be wrong, not the model."
    return "The last decision below says whether a training follows, and if not, why."


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _share(value: float | None) -> str:
    return "An unknown share" if value is None else f"{value:.0%}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
