"""Summarise a use case's state in a line, with reason and remedy. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from include.declaration.period import DAY, Period, Unit
from include.declaration.task import Task
from include.model.metrics import unit_of
from include.monitoring import breach_runs
from include.monitoring.breach_runs import BreachRun
from include.monitoring.definitions import (
    MONITORING_METRICS,
    PERFORMANCE,
    REMEDIATION,
    SHOWN_ONLY,
    MonitoringMetric,
    find_metric,
    metric_label,
)
from include.monitoring.metric_table import MetricValue

Name = Literal["ok", "degraded", "watched", "retraining", "no model", "not measured", "unclear", "stale", "damaged"]
URGENCY: tuple[Name, ...] = (
    *("damaged", "degraded", "stale", "not measured", "no model", "unclear", "watched", "retraining", "ok"),
)
"""From what a person must look at first to what is as it should be."""
QUIET: frozenset[Name] = frozenset({"watched", "retraining", "ok"})
"""States in which nothing is to be done."""
REQUIRED = tuple((metric.name, metric.subject) for metric in MONITORING_METRICS.values() if metric.category == "drift")
"""Metric and subject that must have been judged before the status can be `ok`."""
MANY = 3
"""Most breaches that the line names; the table below it lists all."""


@dataclass(frozen=True)
class Status:
    """Hold the status line."""

    name: Name
    reason: str
    action: str
    notes: tuple[str, ...] = ()
    """Further information: limits that are not judged, breaches without effect."""


@dataclass(frozen=True)
class StatusInputs:
    """Hold the inputs of the status line."""

    use_case: str
    period: Period
    """The day that is shown."""
    today: Period | None
    """The current day; None if an earlier day was chosen, which cannot be stale."""
    stale_periods: int
    rows: Sequence[MetricValue]
    """The rows of `metrics` of `period`."""
    champion: str | None
    """The champion of that day."""
    costs: Sequence[MetricValue] = ()
    """What the steps of `period` cost, as rows of metrics."""
    performance: Sequence[tuple[str, str]] = ()
    """Metric and subject of every comparison of performance that has a limit."""
    training: str = ""
    """The reason of a training without a recorded outcome; empty if there is none."""
    training_since: Period | None = None
    task: Task | None = None
    """What is predicted, for the units of values."""
    is_scored: bool = True
    """Whether the day is due for scoring; otherwise there is nothing to judge on the day itself."""
    problems: Sequence[str] = ()
    """Tables that cannot be read."""
    running: Mapping[tuple[str, str], BreachRun] = field(default_factory=dict)
    """How long the breaches of `period` last, by metric and subject."""


def overall_status(inputs: StatusInputs) -> Status:
    """Return the most serious status.

    Values that could not be measured are never counted as good.
    """
    silent, noted = _silent(inputs) if inputs.rows else (), _notes(inputs)
    notes = (*silent, *(note for note in noted if note not in silent))
    if inputs.problems:
        return Status("damaged", " ".join(inputs.problems), "Do not trust the values below until this is repaired.")
    if inputs.champion is None:
        reason = f"No version is champion on {inputs.period}, so nothing is scored."
        return Status(
            "no model",
            reason,
            f"Train one: trigger {inputs.use_case}__train, and read the results of its gates.",
            notes,
        )
    if not inputs.rows:
        reason = f"{inputs.period} was not measured."
        return Status(
            "not measured", reason, f"Run {inputs.use_case}__monitor for it: unpause the DAG, or backfill it."
        )
    broken = _broken(inputs)
    if inputs.today is not None and (late := inputs.today - inputs.period) > inputs.stale_periods:
        reason = (
            f"The newest measured {inputs.period.unit.name} is {inputs.period},"
            f" {inputs.period.unit.counted(late)} ago. The state since then is not known."
        )
        action = (
            f"Unpause {inputs.use_case}__monitor, or look at its newest run. To measure other"
            f" {inputs.period.unit.name}s, backfill it."
        )
        return Status("stale", reason, action, (*broken, *notes))
    if inputs.training:
        since = f" since {inputs.training_since}" if inputs.training_since else ""
        action = f"Wait for {inputs.use_case}__retrain to record the outcome. If a run failed, its log says what to do."
        return Status("retraining", f"A training was decided{since}: {inputs.training}", action, (*broken, *notes))
    return _measured(inputs, broken, silent, notes)


def _measured(inputs: StatusInputs, broken: tuple[str, ...], silent: tuple[str, ...], notes: tuple[str, ...]) -> Status:
    if broken:
        more = f" And {len(broken) - MANY} more." if len(broken) > MANY else ""
        name: Name = "watched" if breach_runs.all_watched(_broken_rows(inputs)) else "degraded"
        return Status(name, " ".join(broken[:MANY]) + more, _remedy(inputs), notes)
    if silent and inputs.is_scored:
        reason = " ".join(silent)
        further = tuple(note for note in notes if note.rstrip(".") not in reason)
        return Status("unclear", reason, "Drift is unknown until these values are measured.", further)
    judged = sum(row.breached is not None for row in (*inputs.rows, *inputs.costs))
    reason = f"{judged} limits were judged, and none that needs action is breached."
    if waiting := _unjudged(inputs):
        further = tuple(note for note in notes if note not in waiting)
        return Status("ok", reason, f"Performance is not judged yet: {' '.join(waiting)}", further)
    return Status("ok", reason, "Nothing to do.", notes)


def _silent(inputs: StatusInputs) -> tuple[str, ...]:
    """Return why drift is unknown; empty if it is known."""
    rows = inputs.rows
    reasons = [_missing_reason(row, inputs) for row in rows if _is_needed(row) and row.value is None]
    judged = {(row.metric, row.subject) for row in rows if row.breached is not None or row.value is None}
    lost = [metric for metric, subject in REQUIRED if (metric, subject) not in judged]
    reasons += [
        f"The value of {metric_label(metric)} is missing; the run's log may give the reason." for metric in lost
    ]
    return tuple(dict.fromkeys(reasons))


def _unjudged(inputs: StatusInputs) -> tuple[str, ...]:
    """Return why performance limits were not judged; empty if all were.

    There can be a reason even with a value.
    """
    rows = [row for row in inputs.rows if row.metric.startswith(PERFORMANCE)]
    measured = {(row.metric, row.subject) for row in rows}
    reasons = [_missing_reason(row, inputs) for row in rows if row.limit is not None and row.breached is None]
    lost = [
        f"The value of {metric} of {subject} is missing."
        for metric, subject in inputs.performance
        if (metric, subject) not in measured
    ]
    return tuple(dict.fromkeys([*reasons, *lost]))


def _broken(inputs: StatusInputs) -> tuple[str, ...]:
    """Return a sentence for each breach that matters.

    Those of performance come first, those of costs last.
    """
    return tuple(_sentence_of(row, inputs) for row in sorted(_broken_rows(inputs), key=order))


def _broken_rows(inputs: StatusInputs) -> list[MetricValue]:
    return [row for row in (*inputs.rows, *inputs.costs) if row.breached and not is_shown_only(row)]


def _sentence_of(row: MetricValue, inputs: StatusInputs) -> str:
    """Return a breach as a sentence, with the number of periods that it lasts."""
    words, run = in_words(row, inputs.task, inputs.period.unit), inputs.running.get((row.metric, row.subject))
    return f"{words.removesuffix('.')}; {run.words}." if run is not None and run.length > 1 else words


def order(row: MetricValue) -> tuple[bool, bool, bool, str, str]:
    """Return the sort key of a breach.

    Performance comes first, watched breaches after the others, costs last.
    """
    defined = find_metric(row.metric)
    is_cost = defined is not None and defined.category == "cost"
    watched = breach_runs.is_watched(row)
    return not row.metric.startswith(PERFORMANCE), watched, is_cost, row.metric, row.subject


def _notes(inputs: StatusInputs) -> tuple[str, ...]:
    rows = inputs.rows
    minor = [row for row in rows if row.breached and is_shown_only(row)]
    shown = sorted(row.subject for row in minor if is_of_feature(row))
    others = [in_words(row, inputs.task, inputs.period.unit) for row in minor if not is_of_feature(row)]
    waiting = dict.fromkeys(
        _missing_reason(row, inputs)
        for row in rows
        if row.breached is None and row.missing_reason and not _is_needed(row)
    )
    subject = "feature differs" if len(shown) == 1 else "features differ"
    noted = [
        f"{len(shown)} {subject} from the training periods:"
        f" {', '.join(shown[:MANY])}{'…' if len(shown) > MANY else '.'}"
    ]
    return (*(noted if shown else ()), *others, *waiting)


def _missing_reason(row: MetricValue, inputs: StatusInputs) -> str:
    """Return why a row has no value or is not judged, after its value if it has one."""
    missing_reason = _sentence(row.missing_reason or f"{metric_label(row.metric)} could not be measured")
    defined = find_metric(row.metric)
    of_feed = defined is not None and defined.subject == "<feed>"  # such a reason does not name its feed
    missing_reason = f"{row.subject}: {missing_reason}" if of_feed else missing_reason
    return missing_reason if row.value is None else f"{in_words(row, inputs.task, inputs.period.unit)} {missing_reason}"


def is_shown_only(row: MetricValue) -> bool:
    """Return whether a breach is only shown.

    Single features differ every day, and estimates are not labels.
    """
    defined = find_metric(row.metric)
    return defined is not None and defined.category in SHOWN_ONLY


def is_of_feature(row: MetricValue) -> bool:
    """Return whether a row is about a single feature: those of a day are one line."""
    defined = find_metric(row.metric)
    return defined is not None and defined.category == "feature"


def _is_needed(row: MetricValue) -> bool:
    """Return whether drift is unknown without this metric."""
    defined = find_metric(row.metric)
    return defined is not None and defined.needed_for_drift


def in_words(row: MetricValue, task: Task | None = None, period: Unit = DAY) -> str:
    """Return a value with its limit as a sentence."""
    defined, unit = find_metric(row.metric), unit_of(row.metric, task)
    measured = defined.unit if defined is not None else ""
    number = number_text(row.value, measured)
    value = f"{number} {unit}" if unit and row.value is not None else number
    limit = "" if row.limit is None else f" (limit {number_text(row.limit, measured)})"
    if defined is None or not defined.breach:
        return f"{metric_label(row.metric)} of {row.subject}: {value}{limit}."
    words = {"subject": row.subject, "value": value, "share": _share(row.value), "limit": limit}
    words["span"] = f"{value} {period.name}{'' if value == '1' else 's'}"
    if defined.is_comparison:
        words |= _compared(row, defined, value, period)
    return defined.breach_of.get(row.subject, defined.breach).format(**words)


def _compared(row: MetricValue, defined: MonitoringMetric, value: str, period: Unit) -> dict[str, str]:
    """Return the words of a performance comparison, with its bound.

    The limit applies to this bound.
    """
    bound = f", lower bound {number_text(row.lower)}" if row.lower is not None and row.limit is not None else ""
    return {
        "periods": f"In {period.counted(row.periods)}",
        "metric": metric_label(row.metric),
        "value": value.removeprefix("-"),
        "direction": defined.directions[value.startswith("-")],
        "bound": bound,
    }


def _remedy(inputs: StatusInputs) -> str:
    broken = (row for row in (*inputs.rows, *inputs.costs) if row.breached and not is_shown_only(row))
    categories = {metric.category for row in broken if (metric := find_metric(row.metric)) is not None}
    if categories == {"cost"}:
        return REMEDIATION["cost"]
    if categories & {"data", "staleness"} and "performance" not in categories:
        return (
            f"Look at {inputs.use_case}__data and the validation page first: the cause may be the data, not the model."
        )
    return "The last decision below says whether a training follows, and if not, why."


def number_text(value: float | None, unit: str = "") -> str:
    """Return a value with three digits, and its unit if it is one of time or bytes."""
    if value is None:
        return "unknown"
    if unit == "bytes":
        return bytes_text(value)
    number = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{number} s" if unit == "seconds" else number


def bytes_text(count: float) -> str:
    """Return a number of bytes with three digits and a unit: `1.23 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB"


def _share(value: float | None) -> str:
    return "An unknown share" if value is None else f"{value:.0%}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
