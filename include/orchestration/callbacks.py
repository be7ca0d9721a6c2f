"""Alerts: Airflow's own notifiers, told of what happens to a use case, each where its Connection exists.

No alert ever fails the task that it speaks of: what goes wrong here is an error in the log.
"""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseHook, get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert
from airflow.sdk.exceptions import AirflowNotFoundException

from include.declaration.registry import load_use_case
from include.declaration.use_case import UseCase
from include.orchestration.deadline_reference import ScheduledRunQueuedAt
from include.printable import printable_logger
from include.project import Project

log = printable_logger(__name__)

SECONDS = 15
"""How long a webhook may take to answer; for mail, the Connection's extra `timeout` says so."""
GOING_AWAY = 421
"""What a mail server says before it hangs up."""
CLOSED = {401, 403, 404, 407, 408, 429, 502, 503, 504}
"""What a webhook answers to every message alike; another refusal may be of that one message."""


def notify_failed(context: Mapping[str, Any]) -> None:
    """A task has failed and is not tried again: `on_failure_callback` of every task."""
    with _quietly("the failure of a task"):
        from include.notifications import messages, notify

        ti, run = context["ti"], context["dag_run"]
        name, _, kind = ti.dag_id.partition("__")
        declared = load_use_case(name)
        message = messages.failure_message(
            name,
            _day(context),
            kind=kind,
            run_id=run.run_id,
            task=ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]",
            tries=ti.try_number,
            error=_words(context.get("exception")),
            links=_links(name, ti.dag_id, run.run_id) | {"log": ti.log_url},
        )
        notify.deliver_queued(declared, message, _ways(declared))


def notify_breaches(project: Project, day: date) -> None:
    """A day was measured: tell of the limits that it broke first, and send what could not be sent before."""
    use_case = project.use_case
    with _quietly("breaches"):
        from include.notifications import notify

        notify.deliver_queued(use_case, notify.breach_alert(project, day, _links_of_run(use_case)), _ways(use_case))


def notify_redelivered(use_case: UseCase, found: Sequence[Any]) -> None:
    """Files that have landed are others by now: what stages/collect.py noticed. Each change is told of once."""
    for each in found:
        with _quietly("a delivery"):
            from include.notifications import notify

            notify.deliver_queued(
                use_case, notify.redelivery_alert(use_case, each, _links_of_run(use_case)), _ways(use_case)
            )


def notify_promoted(project: Project, result: Any) -> None:
    """A version was promoted, or not: what stages/promote.py returned."""
    use_case = project.use_case
    with _quietly("a promotion"):
        from include.notifications import notify

        notify.deliver_queued(
            use_case, notify.promotion_alert(project, result, _links_of_run(use_case)), _ways(use_case)
        )


def notify_rejected(use_case: UseCase, version: str, reason: str) -> None:
    """A person, or the end of the time to answer, rejected a version."""
    with _quietly("a rejection"):
        from include.notifications import notify

        notify.deliver_queued(
            use_case, notify.rejection_alert(use_case, version, reason, _links_of_run(use_case)), _ways(use_case)
        )


def notify_rolled_back(project: Project, result: Any) -> None:
    """A person went back to an earlier version: what stages/rollback.py returned."""
    use_case = project.use_case
    with _quietly("a rollback"):
        from include.notifications import notify

        notify.deliver_queued(
            use_case, notify.rollback_alert(project, result, _links_of_run(use_case)), _ways(use_case)
        )


def deadline_alert(use_case: UseCase) -> DeadlineAlert:
    """For every daily DAG, for its scheduled runs.

    The callback runs in the triggerer, which works while no executor has a free slot: of all moments, then.
    """
    return DeadlineAlert(
        reference=ScheduledRunQueuedAt(),
        interval=use_case.alerts.deadline,
        callback=AsyncCallback(notify_missed_deadline, kwargs={"use_case": use_case.name}),
    )


async def notify_missed_deadline(use_case: str, context: Mapping[str, Any]) -> None:
    """A run has missed its deadline; `context` holds the run as the REST API shows it, and the deadline."""
    await asyncio.to_thread(_missed, use_case, context)


def _missed(use_case: str, context: Mapping[str, Any]) -> None:
    with _quietly("a missed deadline"):
        from include.notifications import messages, notify

        run, due = context["dag_run"], _moment(context["deadline"]["deadline_time"])
        state, ended = str(run["state"]), run.get("end_date")
        if state == "failed" or (ended and _moment(ended) <= due):
            return  # the failure was told of; or it was done in time
        declared, dag_id, run_id = load_use_case(use_case), run["dag_id"], run["dag_run_id"]
        message = messages.deadline_message(
            use_case,
            run["partition_key"] or (run.get("conf") or {}).get("day"),
            kind=dag_id.partition("__")[2],
            run_id=run_id,
            state=state,
            due=due.isoformat(timespec="seconds"),
            allowed=str(declared.alerts.deadline),
            links=_links(use_case, dag_id, run_id),
        )
        notify.deliver_queued(declared, message, _ways(declared))


def _ways(use_case: UseCase) -> dict[str, Callable[[Any], None]]:
    """Every way by which the use case's people can be told: those whose Connection exists."""
    alerts = use_case.alerts
    found: dict[str, Callable[[Any], None]] = {}
    if alerts.email_to and _exists(alerts.smtp_connection):
        found["email"] = partial(_mail, use_case)
    if _exists(alerts.webhook_connection):
        found["webhook"] = partial(_post, use_case)
    return found


def _mail(use_case: UseCase, message: Any) -> None:
    """Send it with Airflow's notifier. `notify`, not the call: that swallows errors, and renders what an error says
    as a template."""
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


def _post(use_case: UseCase, message: Any) -> None:
    """As `_mail`, to the webhook."""
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
        # Airflow's own error has the status in its words alone; the one that it was raised on has the answer.
        answer = getattr(error.__context__, "response", None)
        if answer is None or answer.status_code in CLOSED:
            raise
        raise NotificationRefusedError(str(error)) from error


def _exists(connection: str) -> bool:
    """Whether Airflow has that Connection, as far as it can say; a line in the log where it has not.

    Where it cannot say, the alert is written down for that way too, and sending it is tried again later.
    """
    try:
        BaseHook.get_connection(connection)
    except AirflowNotFoundException:
        log.info("There is no Connection %r: nothing is sent that way.", connection)
        return False
    except Exception:
        log.exception("Airflow does not say whether there is a Connection %r; it is taken to be there.", connection)
    return True


def _words(error: object) -> str:
    """The error's own words, with its kind, and without what Airflow knows to be secret."""
    from airflow.sdk.log import redact  # type: ignore[attr-defined]

    if error is None:
        return ""
    cause = getattr(error, "__cause__", None) or error  # what is not tried again is wrapped by dag.told
    kind = "" if isinstance(cause, str) else f"{type(cause).__name__}: "
    return str(redact(f"{kind}{cause}"))


def _day(context: Mapping[str, Any]) -> str | None:
    return context["dag_run"].partition_key or (context.get("params") or {}).get("day")


def _links_of_run(use_case: UseCase) -> dict[str, str]:
    context = get_current_context()
    return _links(use_case.name, context["ti"].dag_id, context["dag_run"].run_id)


def _links(use_case: str, dag_id: str, run_id: str) -> dict[str, str]:
    airflow = conf.get("api", "base_url", fallback="http://localhost:8080").rstrip("/")
    return {"run": f"{airflow}/dags/{dag_id}/runs/{quote(run_id)}", "page": f"{airflow}/airworthy/use_case/{use_case}"}


def _moment(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


@contextmanager
def _quietly(what: str) -> Iterator[None]:
    """Whatever goes wrong in telling is told to the log: the task has done its work."""
    try:
        yield
    except Exception:
        log.exception("The alert of %s could not be made; nobody was told.", what)
