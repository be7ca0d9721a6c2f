"""Send alerts through Airflow notifiers whose Airflow Connection exists.

They are e-mail and webhook. A failure in this module never fails a task; it is logged as an error.
"""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, get_current_context
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert
from airflow.sdk.exceptions import AirflowNotFoundException

from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.use_case_discovery import load_declaration
from include.orchestration import task_links
from include.orchestration.deadline_reference import ScheduledRunQueuedAt
from include.orchestration.failures import TaskFailedError
from include.printable import printable_logger
from include.project import DataProject, Project, open_data_project

if TYPE_CHECKING:
    from include.monitoring.durations import StepCost
    from include.pipelines.monitor import MeasureStepResult

log = printable_logger(__name__)

SECONDS = 15
"""How long a webhook may take to answer; the limit of mail is the Connection's extra `timeout`."""
GOING_AWAY = 421
"""The code with which a mail server closes the connection."""
CLOSED = {401, 403, 404, 407, 408, 429, 502, 503, 504}
"""Status codes that do not depend on the message; another refusal may concern one message only."""


def notify_failed(context: Mapping[str, Any]) -> None:
    """Send an alert for a task that failed after its last try.

    It is the `on_failure_callback` of every task.
    """
    with _quietly("the failure of a task"):
        from include.notifications import messages, notify

        ti, run = context["ti"], context["dag_run"]
        name, _, kind = ti.dag_id.partition("__")
        declared = load_declaration(name)
        message = messages.failure_message(
            name,
            _day(context, declared),
            kind=kind,
            run_id=run.run_id,
            task=ti.task_id,
            part=ti.map_index if ti.map_index >= 0 else None,
            tries=ti.try_number,
            error=_words(context.get("exception")),
            links=_links(name, ti.dag_id, run.run_id) | {"log": ti.log_url},
        )
        notify.deliver_queued(open_data_project(declared), message, _channels(declared))


def notify_breaches(project: Project, period: Period) -> None:
    """Send an alert for new breaches on a measured day, and the queue.

    The queue has what was not sent before.
    """
    from include.notifications import notify

    _notify(project, "breaches", partial(notify.breach_alert, project, period))


def notify_cost(project: DataProject, cost: StepCost) -> None:
    """Send an alert if a step cost more than usual."""
    if not any(figure.breached for figure in cost.figures):
        return
    from include.notifications import notify

    _notify(project, "what a step cost", partial(notify.cost_alert, project, cost))


def notify_measured(project: Project, result: MeasureStepResult) -> None:
    """Send alerts for new breaches on a measured day, and on one measured again."""
    for each in (result.measured, result.remeasured):
        if each is not None:
            notify_breaches(project, Period(each.period))


def notify_redelivered(project: DataProject, redeliveries: Sequence[Any]) -> None:
    """Send one alert for each ingested file that was delivered again.

    Its content is then another.
    """
    from include.notifications import notify

    for each in redeliveries:
        _notify(project, "a delivery", partial(notify.redelivery_alert, project.use_case, each))


def notify_promoted(project: Project, result: Any) -> None:
    """Send an alert about a promotion, or about why there was none."""
    from include.notifications import notify

    _notify(project, "a promotion", partial(notify.promotion_alert, project, result))


def notify_rejected(project: Project, version: str, reason: str) -> None:
    """Send an alert for a version that was rejected by a person or by the time limit."""
    from include.notifications import notify

    _notify(project, "a rejection", partial(notify.rejection_alert, project.use_case, version, reason))


def notify_rolled_back(project: Project, result: Any) -> None:
    """Send an alert for a rollback to an earlier version."""
    from include.notifications import notify

    _notify(project, "a rollback", partial(notify.rollback_alert, project, result))


def _notify(project: DataProject, what: str, build: Callable[[Mapping[str, str]], Any]) -> None:
    """Build an alert with the running task's links, and send it and the queue."""
    with _quietly(what):
        from include.notifications import notify

        notify.deliver_queued(project, build(_links_of_run(project.use_case)), _channels(project.use_case))


def deadline_alert(use_case: DataDeclaration) -> DeadlineAlert:
    """Return the deadline alert of a daily DAG's scheduled runs.

    The callback runs in the triggerer, which works even if no executor has a free slot.
    """
    return DeadlineAlert(
        reference=ScheduledRunQueuedAt(),
        interval=use_case.alerts.deadline,
        callback=AsyncCallback(notify_missed_deadline, kwargs={"use_case": use_case.name}),
    )


async def notify_missed_deadline(use_case: str, context: Mapping[str, Any]) -> None:
    """Send an alert for a run that missed its deadline.

    `context` holds the run as the REST API shows it, and the deadline.
    """
    await asyncio.to_thread(_missed, use_case, context)


def _missed(use_case: str, context: Mapping[str, Any]) -> None:
    with _quietly("a missed deadline"):
        from include.notifications import messages, notify

        run, due = context["dag_run"], _moment(context["deadline"]["deadline_time"])
        state, ended = str(run["state"]), run.get("end_date")
        if state == "failed" or (ended and _moment(ended) <= due):
            return  # the failure has its own alert; or the run ended in time
        declared, dag_id, run_id = load_declaration(use_case), run["dag_id"], run["dag_run_id"]
        message = messages.deadline_message(
            use_case,
            run["partition_key"] or (run.get("conf") or {}).get("period"),
            kind=dag_id.partition("__")[2],
            run_id=run_id,
            state=state,
            due=due.isoformat(timespec="seconds"),
            allowed=str(declared.alerts.deadline),
            links=_links(use_case, dag_id, run_id),
        )
        notify.deliver_queued(open_data_project(declared), message, _channels(declared))


def _channels(use_case: DataDeclaration) -> dict[str, Callable[[Any], None]]:
    """Return the sender of each alert channel of the use case whose Connection exists."""
    alerts = use_case.alerts
    channels: dict[str, Callable[[Any], None]] = {}
    if alerts.email_to and _exists(alerts.smtp_connection):
        channels["email"] = partial(_mail, use_case)
    if _exists(alerts.webhook_connection):
        channels["webhook"] = partial(_post, use_case)
    return channels


def _mail(use_case: DataDeclaration, message: Any) -> None:
    """Send a message by Airflow's mail notifier.

    Calling the notifier itself would swallow errors and render the message as a template; `notify` does not.

    Raises:
        NotificationRefusedError: the server refuses this message.
    """
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    from include.notifications.notify import NotificationRefusedError

    alerts = use_case.alerts
    notifier = SmtpNotifier(
        to=list(alerts.email_to),
        from_email=alerts.email_from,
        subject=message.subject,
        html_content=message.html(),
        smtp_conn_id=alerts.smtp_connection,
    )
    try:
        notifier.notify({})
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        if error.smtp_code == GOING_AWAY:
            raise
        raise NotificationRefusedError(str(error)) from error
    except (smtplib.SMTPRecipientsRefused, UnicodeError) as error:
        raise NotificationRefusedError(str(error)) from error


def _post(use_case: DataDeclaration, message: Any) -> None:
    """Send a message to the webhook; raises as `_mail`."""
    from airflow.providers.http.notifications.http import HttpNotifier

    from include.notifications.notify import NotificationRefusedError

    notifier = HttpNotifier(
        http_conn_id=use_case.alerts.webhook_connection,
        json=message.payload(),
        extra_options={"timeout": SECONDS},
    )
    try:
        notifier.notify({})
    except Exception as error:
        # Airflow's error has the status only in its text; the error that caused it has the response.
        answer = getattr(error.__context__, "response", None)
        if answer is None or answer.status_code in CLOSED:
            raise
        raise NotificationRefusedError(str(error)) from error


def _exists(connection: str) -> bool:
    """Return whether Airflow has that Connection; True if the lookup fails.

    After a failed lookup the alert is queued, and sending is retried later.
    """
    try:
        BaseHook.get_connection(connection)
    except AirflowNotFoundException:
        log.debug("There is no Connection %r: its channel is not used.", connection)
        return False
    except Exception:
        log.exception("The lookup of the Connection %r failed; it is assumed to exist.", connection)
    return True


def _words(error: object) -> str:
    """Return the error's class and text, with the secrets that Airflow knows masked."""
    from airflow.sdk.log import redact  # type: ignore[attr-defined]

    if error is None:
        return ""
    cause = error.error if isinstance(error, TaskFailedError) else error
    kind = "" if isinstance(cause, str) else f"{type(cause).__name__}: "
    return str(redact(f"{kind}{cause}"))


def _day(context: Mapping[str, Any], declared: DataDeclaration) -> str | None:
    """Return the period of a run; None for a DAG without periods."""
    run, params = context["dag_run"], context.get("params") or {}
    chosen: str | None = run.partition_key or params.get("period")
    return declared.newest_period(run.run_after).key if chosen is None and "period" in params else chosen


def _links_of_run(use_case: DataDeclaration) -> dict[str, str]:
    context = get_current_context()
    return _links(use_case.name, context["ti"].dag_id, context["dag_run"].run_id)


def _links(use_case: str, dag_id: str, run_id: str) -> dict[str, str]:
    return {"run": task_links.dag_run_address(dag_id, run_id), "page": task_links.page_address(use_case)}


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


@contextmanager
def _quietly(what: str) -> Iterator[None]:
    """Log any error of sending an alert: the task itself has done its work."""
    try:
        yield
    except Exception:
        log.exception("The alert about %s could not be made; it was not sent.", what)
