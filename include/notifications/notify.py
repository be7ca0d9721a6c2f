"""Build alerts, queue them and send them.

A receiver that is down never raises an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from include import page_addresses, settings
from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.ingestion import file_changes
from include.ingestion.file_changes import Redelivery
from include.monitoring import durations
from include.monitoring.durations import StepCost
from include.notifications import messages
from include.notifications.messages import Message
from include.notifications.queue import NotificationQueue, QueuedNotification
from include.printable import printable_logger
from include.project import DataProject, Project
from include.promotion.promote import PromoteResult
from include.promotion.rollback import RollbackResult
from include.registry.version_summary import summarise_entry

log = printable_logger(__name__)

Send = Callable[[Message], None]
"""Sends one message or raises; NotificationRefusedError if only this message may be at fault."""


class NotificationRefusedError(Exception):
    """Report that the receiver refused this message; it may accept others."""


def deliver_queued(project: DataProject, message: Message | None, channels: Mapping[str, Send]) -> None:
    """Queue `message` for each of `channels`, and send the queue.

    A queued one is not queued again; the newest is sent first. A message that cannot be sent is logged as an error and
    tried again with the next alert or measurement of the use case, for seven days. A way whose receiver does not answer
    is not tried again within this call, so that it costs one time-out; after a refused message, the next one is tried.
    """
    use_case, queue = project.use_case, NotificationQueue.open(project)
    if message is not None and not channels:
        log.info("%s: %r is not sent, since no Connection for alerts exists.", use_case.name, message.subject)
    elif message is not None and not queue.put(message, list(channels)):
        log.info("%s: %r was queued before.", use_case.name, message.subject)
    working = dict(channels)
    for queued in queue.waiting() if channels else []:
        if queued.is_too_old():
            log.error(
                "The alert %r could not be sent by all of %s, and is not retried any more.",
                queued.message.subject,
                queued.channels,
            )
            queue.close(queued)
            continue
        for dead in _deliver(queue, queued, working):
            del working[dead]


def _deliver(queue: NotificationQueue, queued: QueuedNotification, channels: Mapping[str, Send]) -> list[str]:
    """Send a message by its remaining channels; return the failed ones.

    Failed are the channels whose receiver did not answer.
    """
    key, dead = queued.message.key, []
    with queue.hold(key) as is_held:
        for channel in queued.channels if is_held else ():
            if channel not in channels or queue.is_sent(key, channel):
                continue
            try:
                channels[channel](queued.message)
            except Exception as error:
                log.exception(
                    "The alert %r could not be sent by %s. It is kept in %s and tried again with the next alert or"
                    " measurement; repair the Connection or its receiver.",
                    queued.message.subject,
                    channel,
                    queue.folder,
                )
                dead += [] if isinstance(error, NotificationRefusedError) else [channel]
            else:
                queue.mark_sent(queued, channel)
                log.info("Sent %r by %s.", queued.message.subject, channel)
    return dead


def breach_alert(project: Project, period: Period, links: Mapping[str, str]) -> Message | None:
    """Build the alert for newly broken limits on `period`.

    They are compared with the previous measured day. Returns None if no breach is worth an alert. Breaches already
    alerted for this day are left out.
    """
    view = project.lake.as_of(period)
    earlier = list(view.partitions("metrics", until=period - 1))[-1:]
    today = view.read("metrics", period, period).to_pylist()
    before = view.read("metrics", earlier[0], earlier[0]).to_pylist() if earlier else []
    new, lasting = messages.new_breaches(today, before, _alerted_breaches(project, period))
    if not messages.should_notify(new):
        return None
    use_case = project.use_case
    return messages.breach_message(use_case.name, period.key, new, lasting, links, use_case.task)


def cost_alert(project: DataProject, cost: StepCost, links: Mapping[str, str]) -> Message | None:
    """Build the alert for a step that cost more than usual.

    Returns None if no limit is broken that was not broken in the recorded period before.
    """
    before = durations.earlier_costs(project, cost)[-1:]
    rows, past = (
        [row._asdict() | {"measured_period": row.period.start} for each in costs for row in each.rows]
        for costs in ([cost], before)
    )
    new, lasting = messages.new_breaches(rows, past, _alerted_breaches(project, cost.period))
    return messages.breach_message(project.use_case.name, cost.period.key, new, lasting, links) if new else None


def _alerted_breaches(project: DataProject, period: Period) -> set[tuple[str, str]]:
    """Return the (metric, subject) of that day's breaches that were queued."""
    alerts = NotificationQueue.open(project).with_prefix(f"breach-{period}")
    rows = [row for queued in alerts for row in queued.message.details.get("breaches", ())]
    return {(row["metric"], row["subject"]) for row in rows}


def redelivery_alert(use_case: DataDeclaration, redelivery: Redelivery, links: Mapping[str, str]) -> Message:
    """Build the alert for files that changed after they have landed."""
    return messages.redelivery_message(
        use_case.name,
        redelivery.period.key,
        feed=redelivery.feed,
        files=redelivery.files,
        state=redelivery.state,
        advice=file_changes.redelivery_advice(use_case.name, redelivery.feed, redelivery.period),
        links=links,
    )


def promotion_alert(project: Project, result: PromoteResult, links: Mapping[str, str]) -> Message:
    """Build the alert for a version promoted or not, with its gate results."""
    use_case = project.use_case
    links = {**links, **version_page(use_case, result.version)}
    if not result.promoted or result.entry is None:
        return messages.rejection_message(
            use_case.name, None, version=result.version, reason=result.reason, links=links
        )
    entries = project.ledger.entries()
    entry = entries[result.entry - 1]
    summary = summarise_entry(entry, entries)
    return messages.promotion_message(
        use_case.name,
        entry.effective_from.key,
        version=summary.number,
        entry=entry.number,
        actor=entry.actor,
        reason=". ".join(filter(None, (entry.reason, result.reason))),
        gates=summary.gate_lines,
        links=links,
    )


def rejection_alert(use_case: UseCase, version: str, reason: str, links: Mapping[str, str]) -> Message:
    """Build the alert for a version that was rejected.

    A person rejected it, or its approval timed out.
    """
    links = {**links, **version_page(use_case, version)}
    return messages.rejection_message(use_case.name, None, version=version, reason=reason, links=links)


def rollback_alert(project: Project, result: RollbackResult, links: Mapping[str, str]) -> Message:
    """Build the alert for a rollback to an earlier version."""
    entry = project.ledger.entries()[result.entry - 1]
    return messages.rollback_message(
        project.use_case.name,
        result.effective_from,
        version=result.version,
        entry=entry.number,
        actor=entry.actor,
        reason=entry.reason,
        effect=result.reason,
        links={**links, **version_page(project.use_case, result.version)},
    )


def version_page(use_case: UseCase, version: str) -> dict[str, str]:
    """Return the link `version` to MLflow; empty without an address.

    MLflow needs an address for a browser.
    """
    address = page_addresses.model_address(settings.current_settings().mlflow_shown, use_case.name, version)
    return {"version": address} if address else {}
