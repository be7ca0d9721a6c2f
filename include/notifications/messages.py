"""Build the messages of events: what happened, values, reason, remedy and links. Pure."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from include.monitoring.definitions import REMEDIATION, Category, require_metric
from include.notifications.redaction import redact
from include.printable import escape_line, escape_text, escape_values

Event = Literal["failure", "breach", "promotion", "rollback", "rejection", "deadline", "redelivery"]
LONGEST = 1500
"""Most characters of an error's text; the log has the rest."""
SHOWN = 12
"""Most breaches that are listed; of further ones, the message has the number."""


@dataclass(frozen=True)
class Message:
    """Describe one event for people and programs; plain values."""

    event: Event
    key: str
    """Identifies the event: messages with equal keys are the same message."""
    use_case: str
    day: str | None
    subject: str
    text: str
    links: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A line break in a mail's subject would begin another header.
        object.__setattr__(self, "subject", escape_line(" ".join(self.subject.split())))
        object.__setattr__(self, "text", escape_text(self.text))
        object.__setattr__(self, "details", escape_values(self.details))
        object.__setattr__(self, "key", named_metrics(self.key))

    def payload(self) -> dict[str, Any]:
        """Return the message for the webhook: JSON values under stable keys."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return values

    def html(self) -> str:
        """Return the message for the mail, with all texts escaped."""
        parts = [f"<p>{html.escape(part).replace(chr(10), '<br>')}</p>" for part in self.text.split("\n\n")]
        links = [f'<li><a href="{html.escape(to)}">{html.escape(name)}</a></li>' for name, to in self.links.items()]
        return "".join(parts) + (f"<ul>{''.join(links)}</ul>" if links else "")


def failure_message(
    use_case: str,
    day: str | None,
    *,
    kind: str,
    run_id: str,
    task: str,
    tries: int,
    error: str,
    links: Mapping[str, str],
) -> Message:
    """Build the message of a failed task that is not tried again.

    `error` is the text of the error; empty if the process was lost. `tries` continues to count after a task was
    cleared, so that another failure after a repair is another event.
    """
    cause = shorten_message(redact(error)) or (
        "Its process ended without an error: it was killed, or ran out of memory or time."
    )
    times = f"after {tries} {'try' if tries == 1 else 'tries'}"
    text = (
        f"The task {task} of {use_case}__{kind} failed {times}, and is not tried again.\n\n{cause}\n\n"
        "What to do: read the last lines of its log, repair what they name, and clear the task there. Tasks after it"
        " wait for it; no table was left half written."
    )
    return Message(
        "failure",
        f"failure-{kind}-{run_id}-{task}-{tries}",
        use_case,
        day,
        _subject(use_case, day, f"{kind}: {task} failed"),
        text,
        links,
        {"dag": f"{use_case}__{kind}", "run": run_id, "task": task, "tries": tries, "error": cause},
    )


def breach_message(
    use_case: str, day: str, new: Sequence[Mapping[str, Any]], lasting: int, links: Mapping[str, str]
) -> Message:
    """Build the message of limits that are broken on `day` but were not on the measured day before.

    `new` are their rows of the table `metrics`, `lasting` is the number of limits that were broken before. The same
    breaches of the same day are one event.
    """
    names = [f"{row['metric']} of {row['subject']}" for row in new]
    lines = [_figure(row) for row in new[:SHOWN]]
    if more := len(new) - SHOWN:
        lines += [f"and {more} more"] if more > 0 else []
    kinds = list(dict.fromkeys(breach_category(str(row["metric"])) for row in new))
    text = (
        f"{_limits(len(new))} broken on {day} and not on the measured day before:\n"
        + "\n".join(lines)
        + (f"\n\n{_limits(lasting)} still broken." if lasting else "")
        + "\n\nWhat to do: "
        + " ".join(REMEDIATION[kind].format(use_case=use_case) for kind in kinds)
    )
    shown = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    pairs = json.dumps(sorted((str(row["metric"]), str(row["subject"])) for row in new))
    keep = ("metric", "subject", "value", "lower", "upper", "limit", "model_version", "measured_period", "days")
    details = {"breaches": [{name: row.get(name) for name in keep} for row in new], "lasting": lasting}
    return Message(
        "breach",
        f"breach-{day}-{_hash(pairs)}",
        use_case,
        day,
        _subject(use_case, day, f"over the limit: {shown}"),
        text,
        links,
        details,
    )


def redelivery_message(
    use_case: str,
    day: str,
    *,
    feed: str,
    files: Mapping[str, str],
    state: str,
    advice: str,
    links: Mapping[str, str],
) -> Message:
    """Build the message of files that changed after their `day` has landed.

    `files` maps each file to its change. `state` identifies the content of the bucket: another change is another event.
    """
    lines = [f"{key}: {change}" for key, change in list(files.items())[:SHOWN]]
    lines += [f"and {len(files) - SHOWN} more"] if len(files) > SHOWN else []
    text = f"Files of the feed {feed} for {day} changed after the day has landed:\n" + "\n".join(lines)
    return Message(
        "redelivery",
        f"redelivery-{feed}-{day}-{state}",
        use_case,
        day,
        _subject(use_case, day, f"files of {feed} were delivered again"),
        f"{text}\n\nWhat to do: {advice}",
        links,
        {"feed": feed, "files": dict(files)},
    )


def promotion_message(
    use_case: str,
    day: str,
    *,
    version: str,
    entry: int,
    actor: str,
    reason: str,
    gates: Sequence[str],
    links: Mapping[str, str],
) -> Message:
    """Build the message of a version that became champion from `day` on, with its gate results."""
    text = (
        f"Version {version} was promoted by {actor}.\n\n{reason}\n\n"
        + "\n".join(gates)
        + f"\n\nWhat to do: nothing, if this was meant. To undo it, trigger {use_case}__rollback."
    )
    details = {"version": version, "entry": entry, "actor": actor, "reason": reason}
    subject = _subject(use_case, day, f"version {version} promoted")
    return Message("promotion", f"entry-{entry}", use_case, day, subject, text, links, details)


def rejection_message(
    use_case: str, day: str | None, *, version: str, reason: str, links: Mapping[str, str]
) -> Message:
    """Build the message of a version that its gates or a person did not promote."""
    text = (
        f"Version {version} was not promoted; the champion stays.\n\n{shorten_message(reason)}\n\n"
        "What to do: read in the version's card what failed. To try again, train with other data or parameters:"
        f" {use_case}__train."
    )
    details = {"version": version, "reason": reason}
    subject = _subject(use_case, day, f"version {version} not promoted")
    return Message("rejection", f"rejection-{version}", use_case, day, subject, text, links, details)


def rollback_message(
    use_case: str, day: str, *, version: str, entry: int, actor: str, reason: str, effect: str, links: Mapping[str, str]
) -> Message:
    """Build the message of a rollback from `day` on; `effect` describes its effect."""
    text = (
        f"{actor} rolled back to version {version}: {reason}\n\n{effect}\n\n"
        f"What to do: nothing, if this was meant. Otherwise roll back once more: {use_case}__rollback."
    )
    details = {"version": version, "entry": entry, "actor": actor, "reason": reason}
    subject = _subject(use_case, day, f"rolled back to version {version}")
    return Message("rollback", f"entry-{entry}", use_case, day, subject, text, links, details)


def deadline_message(
    use_case: str,
    day: str | None,
    *,
    kind: str,
    run_id: str,
    state: str,
    due: str,
    allowed: str,
    links: Mapping[str, str],
) -> Message:
    """Build the message of a scheduled run that missed its deadline.

    `due` is the deadline, `allowed` the time from queueing to it.
    """
    text = (
        f"The scheduled run of {use_case}__{kind} is {state}; it should have been done by {due}, {allowed} after it was"
        " queued.\n\nWhat to do: open the run and see which task is running, waiting or queued. The log of a waiting"
        " sensor names what it waits for; if tasks stay queued, add slots or check that the scheduler runs."
    )
    details = {"dag": f"{use_case}__{kind}", "run": run_id, "state": state, "due": due}
    subject = _subject(use_case, day, f"{kind} missed its deadline")
    return Message("deadline", f"deadline-{kind}-{run_id}", use_case, day, subject, text, links, details)


def should_notify(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the breaches are worth an alert; those of single features are not."""
    return any(breach_category(str(row["metric"])) != "feature" for row in rows)


def new_breaches(
    today: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    alerted: Collection[tuple[str, str]] = (),
) -> tuple[list[Mapping[str, Any]], int]:
    """Return the rows of `metrics` that are newly broken, and the number of other broken rows.

    The most serious categories come first. `alerted` are the (metric, subject) of the day that were alerted already: a
    second measurement may find further breaches.
    """
    broken = [row for row in today if row["breached"]]
    old = {(row["metric"], row["subject"]) for row in before if row["breached"]} | set(alerted)
    new = [row for row in broken if (row["metric"], row["subject"]) not in old]
    order = list(REMEDIATION)
    new.sort(
        key=lambda row: (order.index(breach_category(str(row["metric"]))), str(row["metric"]), str(row["subject"]))
    )
    return new, len(broken) - len(new)


def breach_category(metric: str) -> Category:
    """Return the category of a metric's breaches.

    Raises:
        UndefinedMetricError: the metric is not defined.
    """
    return require_metric(metric).category


def named_metrics(text: str) -> str:
    """Return the text as a file name: letters, digits, dots, dashes and underscores.

    A changed text ends with a hash of the original, so that two texts never have the same name.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:180]
    return name if name == text else f"{name[:160]}-{_hash(text)}"


def shorten_message(text: str) -> str:
    """Shorten a text to LONGEST characters."""
    text = text.strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … (the log has the rest)"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _subject(use_case: str, day: str | None, what: str) -> str:
    return f"[airworthy] {use_case}{f' {day}' if day else ''}: {what}"


def _limits(count: int) -> str:
    return f"{count} limit is" if count == 1 else f"{count} limits are"


def _figure(row: Mapping[str, Any]) -> str:
    """Return a line such as `psi of temp: 0.31, limit 0.2 (0.28 to 0.34; 14 days until 2013-04-18)`."""
    number = {name: _short(row.get(name)) for name in ("value", "lower", "upper", "limit")}
    about = []
    if number["lower"] and number["upper"]:
        about.append(f"{number['lower']} to {number['upper']}")
    if (row.get("days") or 0) > 1:
        about.append(f"{row['days']} days until {row['measured_period']}")
    limit = f", limit {number['limit']}" if number["limit"] else ""
    return f"{row['metric']} of {row['subject']}: {number['value']}{limit}" + (
        f" ({'; '.join(about)})" if about else ""
    )


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
