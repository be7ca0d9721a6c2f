"""What every DAG is made of besides its tasks: schedule, form, assets, the run's day, what is tried again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Param, get_current_context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from include.declaration import clock
from include.declaration.use_case import UseCase
from include.errors import NAME_SHOWN, AirworthyError, InvalidRequestError, shorten
from include.orchestration import callbacks, dag_docs
from include.orchestration import params as orchestration_params
from include.orchestration.retries import FIRST_DELAY, LONGEST_DELAY, RETRIES, RetryTemporaryErrors
from include.orchestration.timetable import PeriodTimetable
from include.printable import escape_values
from include.task_memory import limited_memory

MONDAY = 1
RETRIED: dict[str, Any] = {
    "retries": RETRIES,
    "retry_policy": RetryTemporaryErrors(),
    "retry_delay": FIRST_DELAY,  # after a try that was killed, about which no policy is asked
    "retry_exponential_backoff": True,
    "max_retry_delay": LONGEST_DELAY,
    "execution_timeout": timedelta(minutes=30),
}
"""For what reads or writes elsewhere. Bad data and bad requests are never tried again: see `told`."""
INPUT_OUTPUT: dict[str, Any] = RETRIED | {"multiple_outputs": False}
"""For tasks: what they return is one value to Airflow, or each of its keys would be a request of its own."""

WAITING: dict[str, Any] = RETRIED | {"execution_timeout": timedelta(hours=7)}
"""For sensors: longer than the longest wait, which ends with a message of its own."""

ASKING: dict[str, Any] = {name: value for name, value in RETRIED.items() if name != "execution_timeout"}
"""For questions to a person: how long the answer may take is the use case's choice."""


def daily_dag(
    use_case: UseCase,
    kind: str,
    *,
    params: Mapping[str, Param] | None = None,
    from_now_on: bool = False,
    **arguments: Any,
) -> DAG:
    """Return the DAG `<use case>__<kind>`: one run per day, whose partition key is the day that begins then.

    Unpaused, it runs for the newest day at once: that is what `catchup=False` means to a schedule with a start date.
    With `from_now_on` it waits for the next day, as `weekly` does: for what builds on the day before.
    """
    arguments["deadline"] = callbacks.deadline_alert(use_case)
    if from_now_on:
        schedule = PeriodTimetable(timezone=use_case.time_zone, run_immediately=timedelta(hours=1))
    else:
        schedule, zone = PeriodTimetable(timezone=use_case.time_zone), ZoneInfo(use_case.time_zone)
        start = clock.start_of_day(use_case.first_period, zone)
        arguments = {"start_date": start and start.astimezone(zone), **arguments}
    arguments |= _last_run(use_case)
    return _dag(
        use_case, kind, schedule=schedule, params={"day": orchestration_params.DAY, **(params or {})}, **arguments
    )


def weekly_dag(use_case: UseCase, kind: str, *, params: Mapping[str, Param], **arguments: Any) -> DAG:
    """Return the same for Mondays; unpaused, it waits for the next one.

    Only a run that was due within the last hour is made up; after a backfill Airflow counts on from the backfilled
    days and makes the newest Monday's run.
    """
    schedule = PeriodTimetable(timezone=use_case.time_zone, weekday=MONDAY, run_immediately=timedelta(hours=1))
    arguments |= _last_run(use_case)
    return _dag(use_case, kind, schedule=schedule, params={"day": orchestration_params.DAY, **params}, **arguments)


def _last_run(use_case: UseCase) -> dict[str, Any]:
    """Return the argument of a DAG that ends its schedule with the use case's last day."""
    if use_case.last_period is None:
        return {}
    return {"end_date": clock.start_of_day(use_case.last_period, ZoneInfo(use_case.time_zone))}


def manual_dag(use_case: UseCase, kind: str, *, params: Mapping[str, Param]) -> DAG:
    """A DAG without a schedule: a person starts it, with its form, and it has no day."""
    return _dag(use_case, kind, schedule=None, params=dict(params), max_active_runs=1)


def maintenance_dag(use_case: UseCase, kind: str, *, params: Mapping[str, Param]) -> DAG:
    """Return a DAG that looks after what is stored, by hand or, if declared, in the small hours of Sunday.

    It has one run at a time and no day, since it depends on the clock. Its schedule removes files, and the form
    unpauses a DAG by default: so there is a schedule only where the retention is declared automatic.
    """
    schedule = None
    if use_case.retention.automatic:
        schedule = CronTriggerTimetable("0 4 * * 0", timezone=use_case.time_zone, run_immediately=timedelta(hours=1))
    return _dag(use_case, kind, schedule=schedule, params=dict(params), max_active_runs=1)


def _dag(use_case: UseCase, kind: str, **arguments: Any) -> DAG:
    documentation = dag_docs.render_dag_documentation(use_case, kind)
    return DAG(
        f"{use_case.name}__{kind}",
        catchup=False,
        default_args={"owner": use_case.owner, "on_failure_callback": callbacks.notify_failed},
        description=documentation.description,
        doc_md=documentation.markdown,
        auto_register=False,  # one that is half made when its making fails must not be there
        tags=[use_case.name, kind, *(["replay"] if use_case.notice else [])],
        **arguments,
    )


def asset(use_case: UseCase, what: str) -> Asset:
    """The asset that a stage reads or writes, as the asset graph shows it."""
    return Asset(name=f"{use_case.name}/{what}", uri=f"airworthy://{use_case.name}/{what}", group=use_case.name)


def day_of(context: Mapping[str, Any]) -> date:
    """The day of the run: its partition key, or the form's `day`; InvalidRequestError for neither, both or no date."""
    key, chosen = context["dag_run"].partition_key, context["params"].get("day")
    if key and chosen and key != chosen:
        raise InvalidRequestError(f"The run has the partition key {key!r} and the day {chosen!r}: give one of them.")
    if not (key or chosen):
        raise InvalidRequestError(
            "This run does not say which day it is for. Trigger it with the form's field `day`"
            ' (for example {"day": "2013-01-05"}), or give the run a partition key.'
        )
    return parse_day(key or chosen)


def parse_day(text: str) -> date:
    """The day of a text that a person or a program gave: YYYY-MM-DD in ASCII, and no other of ISO 8601's ways to write
    one, so that a day has one name everywhere. InvalidRequestError for anything else."""
    try:
        day = date.fromisoformat(text)
    except (TypeError, ValueError):
        day = None
    if day is None or day.isoformat() != text:
        raise InvalidRequestError(
            f"{shorten(str(text), NAME_SHOWN)!r} is no day; write it as YYYY-MM-DD, such as 2013-01-05."
        )
    return day


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Fail at once, without retries, on what trying again cannot mend; end a task that outgrows its memory."""
    try:
        with limited_memory():
            yield
    except AirworthyError as error:
        if error.worth_retrying:
            raise
        raise AirflowFailException(str(error)) from error


def default_deferrable() -> bool:
    """Whether what waits may be left to a triggerer: Airflow's own option [operators] default_deferrable."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def add_asset_metadata(use_case: UseCase, what: str, **extra: Any) -> None:
    """Put figures and links on the asset's event, where the asset page shows them."""
    get_current_context()["outlet_events"][asset(use_case, what)].extra.update(escape_values(extra))
