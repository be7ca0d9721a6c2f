"""Build events' messages: what happened, values, reason, remedy, links.

Pure. Their texts are in `templates/<event>.txt.j2`, each with its subject.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from include.declaration.period import Period, Unit
from include.declaration.task import Task
from include.monitoring.definitions import REMEDIATION, SHOWN_ONLY, Category, breach_title, require_metric
from include.monitoring.metric_table import MetricValue
from include.monitoring.status import in_words
from include.notifications.redaction import redact
from include.printable import escape_line, escape_text, escape_values

Event = Literal["failure", "breach", "promotion", "rollback", "rejection", "deadline", "redelivery"]
LONGEST = 1500
"""Most characters of an error's text; the log has the rest."""
SHOWN = 12
"""Most breaches or files that are listed; of further ones, the message has the number."""
_LOST = "Its process ended without an error: it was killed, or ran out of memory or time."


@dataclass(frozen=True)
class Message:
    """Describe one event for people and programs; plain values."""

    event: Event
    key: str
    """Identifies the event: messages with equal keys are the same message."""
    use_case: str
    period: str | None
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
        return _templates().get_template("mail.html.j2").render(text=self.text, links=self.links)


def failure_message(
    use_case: str,
    period: str | None,
    *,
    kind: str,
    run_id: str,
    task: str,
    tries: int,
    error: str,
    links: Mapping[str, str],
    part: int | None = None,
) -> Message:
    """Build the message of a failed task that is not tried again.

    `error` is the text of the error; empty if the process was lost. `tries` continues to count after a task was
    cleared, so that another failure after a repair is another event. `part` is the number of the failed one of a mapped
    task. All of them are one event: if a hundred shards fail, there is one alert.
    """
    cause = shorten_message(redact(error)) or _LOST
    shown = task if part is None else f"{task}[{part}]"
    return _message(
        "failure",
        f"failure-{kind}-{run_id}-{task}-{tries}",
        use_case,
        period,
        links,
        {"dag": f"{use_case}__{kind}", "run": run_id, "task": shown, "tries": tries, "error": cause},
        {"kind": kind, "cause": cause},
    )


def breach_message(
    use_case: str,
    period: str,
    new: Sequence[Mapping[str, Any]],
    lasting: int,
    links: Mapping[str, str],
    task: Task | None = None,
) -> Message:
    """Build the message of limits broken on `period`, but not the day before.

    The day before is the last measured one. `new` are their rows of the table `metrics`, `lasting` is the number of
    limits that were broken before. The same breaches of the same day are one event.
    """
    kinds = dict.fromkeys(breach_category(str(row["metric"])) for row in new)
    pairs = json.dumps(sorted((str(row["metric"]), str(row["subject"])) for row in new))
    keep = ("metric", "subject", "value", "lower", "upper", "limit", "model_version", "measured_period", "periods")
    return _message(
        "breach",
        f"breach-{period}-{_hash(pairs)}",
        use_case,
        period,
        links,
        {"breaches": [{name: row.get(name) for name in keep} for row in new], "lasting": lasting},
        {
            "breached": [_breach(row, task, Period(period).unit) for row in new],
            "advice": [REMEDIATION[kind].format(use_case=use_case) for kind in kinds],
        },
    )


def _breach(row: Mapping[str, Any], task: Task | None, period: Unit) -> dict[str, str]:
    """Return a breach as a title and as a sentence."""
    sentence, several = in_words(MetricValue.from_row(row), task, period), (row.get("periods") or 0) > 1
    newest = f" The newest of these {period.name}s is {row['measured_period']}." if several else ""
    return {"title": breach_title(str(row["metric"]), str(row["subject"])), "sentence": sentence + newest}


def redelivery_message(
    use_case: str,
    period: str,
    *,
    feed: str,
    files: Mapping[str, str],
    state: str,
    advice: str,
    links: Mapping[str, str],
) -> Message:
    """Build the message of files that changed after their `period` has landed.

    `files` maps each file to its change. `state` identifies the content of the bucket: another change is another event.
    """
    return _message(
        "redelivery",
        f"redelivery-{feed}-{period}-{state}",
        use_case,
        period,
        links,
        {"feed": feed, "files": dict(files)},
        {"advice": advice},
    )


def promotion_message(
    use_case: str,
    period: str,
    *,
    version: str,
    entry: int,
    actor: str,
    reason: str,
    gates: Sequence[str],
    links: Mapping[str, str],
) -> Message:
    """Build the message of a version that became champion, with gate results.

    It is champion from `period` on.
    """
    details = {"version": version, "entry": entry, "actor": actor, "reason": reason}
    return _message("promotion", f"entry-{entry}", use_case, period, links, details, {"gates": gates})


def rejection_message(
    use_case: str, period: str | None, *, version: str, reason: str, links: Mapping[str, str]
) -> Message:
    """Build the message of a version that its gates or a person did not promote."""
    details = {"version": version, "reason": reason}
    shown = {"reason": shorten_message(reason)}
    return _message("rejection", f"rejection-{version}", use_case, period, links, details, shown)


def rollback_message(
    use_case: str,
    period: str,
    *,
    version: str,
    entry: int,
    actor: str,
    reason: str,
    effect: str,
    links: Mapping[str, str],
) -> Message:
    """Build the message of a rollback from `period` on.

    `effect` describes what it changes.
    """
    details = {"version": version, "entry": entry, "actor": actor, "reason": reason}
    return _message("rollback", f"entry-{entry}", use_case, period, links, details, {"effect": effect})


def deadline_message(
    use_case: str,
    period: str | None,
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
    details = {"dag": f"{use_case}__{kind}", "run": run_id, "state": state, "due": due}
    shown = {"kind": kind, "allowed": allowed}
    return _message("deadline", f"deadline-{kind}-{run_id}", use_case, period, links, details, shown)


def _message(
    event: Event,
    key: str,
    use_case: str,
    period: str | None,
    links: Mapping[str, str],
    details: Mapping[str, Any],
    shown: Mapping[str, Any],
) -> Message:
    """Build a message from the event's template.

    Its texts may use `details` and `shown`.
    """
    values = {"use_case": use_case, "period": period, "most_listed": SHOWN, **details, **shown}
    rendered: Any = _templates().get_template(f"{event}.txt.j2").make_module(values)
    subject = f"[airworthy] {use_case}{f' {period}' if period else ''}: {rendered.subject}"
    return Message(event, key, use_case, period, subject, str(rendered).strip(), links, details)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("include.notifications"),
        autoescape=select_autoescape(("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def should_notify(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the breaches are worth an alert.

    Those that are only shown are not, such as those of single features.
    """
    return any(breach_category(str(row["metric"])) not in SHOWN_ONLY for row in rows)


def new_breaches(
    today: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    alerted: Collection[tuple[str, str]] = (),
) -> tuple[list[Mapping[str, Any]], int]:
    """Return newly broken rows of `metrics`, and the number of other breaches.

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
