"""Make DAGs without their tasks: schedule, form, assets, the run's day, retries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_current_context
from airflow.sdk.configuration import conf

from include.declaration.calendars import Calendar
from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.declaration.use_case_discovery import load_declaration, load_use_case
from include.errors import AirworthyError, InvalidRequestError, shorten_names
from include.orchestration import callbacks, dag_docs, lineage_events
from include.orchestration import params as orchestration_params
from include.orchestration.airflow_connections import open_data_project, open_project
from include.orchestration.assets import asset
from include.orchestration.failures import fail_task, log_reason
from include.orchestration.priority import STRATEGY
from include.orchestration.retries import FIRST_DELAY, LONGEST_DELAY, RETRIES, RetryTemporaryErrors
from include.orchestration.timetable import PeriodTimetable
from include.pipelines.context import DataRun, PipelineRun
from include.printable import escape_values
from include.task_memory import limited_memory

RETRY_ARGS: dict[str, Any] = {
    "retries": RETRIES,
    "retry_policy": RetryTemporaryErrors(),
    "retry_delay": FIRST_DELAY,  # after a killed try, for which the policy is not asked
    "retry_exponential_backoff": True,
    "max_retry_delay": LONGEST_DELAY,
    "execution_timeout": timedelta(minutes=30),
}
"""Arguments of whatever reads or writes elsewhere. `fail_without_retry` ends bad data and bad requests at once."""
TASK_ARGS: dict[str, Any] = RETRY_ARGS | {"multiple_outputs": False, "show_return_value_in_logs": False}
"""Arguments of tasks. They return one value: with multiple outputs, each key would be a separate request. What they
return is for other tasks; for people they log a sentence."""

SENSOR_ARGS: dict[str, Any] = RETRY_ARGS | {"execution_timeout": timedelta(hours=7)}
"""Arguments of sensors: more time than the longest wait, which ends with its own message."""

LIFE = ("data", "train", "score", "monitor", "retrain")
"""Kinds of DAGs that work periods, in the order of the life of a model."""

HUMAN_ARGS: dict[str, Any] = {name: value for name, value in RETRY_ARGS.items() if name != "execution_timeout"}
"""Arguments of questions to a person: the use case declares how long the answer may take."""


def period_dag(
    use_case: DataDeclaration,
    kind: str,
    *,
    params: Mapping[str, Param] | None = None,
    from_now_on: bool = False,
    due: Calendar | None = None,
    by_hand: bool = False,
    **arguments: Any,
) -> DAG:
    """Return the DAG `<use case>__<kind>` with one run per period.

    With `due`, only periods that are due by this calendar have one. The period is the partition key of its run. After
    the DAG is unpaused, it runs for the newest period at once (`catchup=False` with a start date). With `from_now_on`
    it waits for the next one, and only a run that was due within the last hour is made up: for trainings, and for tasks
    that need the previous period's run. After a backfill, Airflow continues from the backfilled periods and makes the
    newest run.
    """
    if not from_now_on:
        start = use_case.decision_time_if_any(use_case.first_period)
        arguments = {"start_date": start and start.astimezone(use_case.zone), **arguments}
    schedule = PeriodTimetable(
        use_case.calendar,
        timezone=use_case.time_zone,
        schedule=due,
        by_hand=by_hand,
        last=use_case.last_period,
        run_immediately=timedelta(hours=1) if from_now_on else False,
    )
    arguments["deadline"] = callbacks.deadline_alert(use_case)
    form = {"period": orchestration_params.period_param(use_case), **(params or {})}
    return _dag(use_case, kind, schedule=schedule, params=form, **arguments | _last_run(use_case))


def training_dag(use_case: UseCase, kind: str, *, params: Mapping[str, Param], **arguments: Any) -> DAG:
    """Return the DAG of trainings, with a run when one is due.

    `Training.schedule` says when. Without it, runs are made by hand, by backfills and by the retraining policy only.
    """
    due = use_case.training.schedule
    return period_dag(use_case, kind, params=params, from_now_on=True, due=due, by_hand=due is None, **arguments)


def _last_run(use_case: DataDeclaration) -> dict[str, Any]:
    """Return the argument that ends a DAG's schedule with the use case's last period."""
    if use_case.last_period is None:
        return {}
    return {"end_date": use_case.decision_time_if_any(use_case.last_period)}


def manual_dag(use_case: DataDeclaration, kind: str, *, params: Mapping[str, Param]) -> DAG:
    """Return a DAG without a schedule and without a day.

    A person starts it with its form.
    """
    return _dag(use_case, kind, schedule=None, params=dict(params), max_active_runs=1)


def maintenance_dag(use_case: DataDeclaration, kind: str, *, params: Mapping[str, Param]) -> DAG:
    """Return the maintenance DAG: manual or, if declared, on Sundays at 04:00.

    It has one run at a time and no day, since it depends on the clock. Scheduled runs remove files, and triggering by
    the form unpauses a DAG by default; so it has a schedule only if the retention is declared automatic.
    """
    schedule = None
    if use_case.retention.automatic:
        schedule = CronTriggerTimetable("0 4 * * 0", timezone=use_case.time_zone, run_immediately=timedelta(hours=1))
    return _dag(use_case, kind, schedule=schedule, params=dict(params), max_active_runs=1)


def _dag(use_case: DataDeclaration, kind: str, **arguments: Any) -> DAG:
    documentation = dag_docs.render_dag_documentation(use_case, kind)
    return DAG(
        f"{use_case.name}__{kind}",
        dag_display_name=display_name(use_case.name, kind),
        catchup=False,
        default_args={
            "owner": use_case.owner,
            "on_failure_callback": callbacks.notify_failed,
            "on_success_callback": lineage_events.emit_lineage,
            "weight_rule": STRATEGY,
        },
        description=documentation.description,
        doc_md=documentation.markdown,
        auto_register=False,  # a DAG whose construction fails half-way must not be registered
        tags=[use_case.name, kind, *(["replay"] if use_case.notice else [])],
        **arguments,
    )


def display_name(use_case: str, kind: str) -> str:
    """Return the name of a DAG in lists, which are in order of the names.

    The DAGs of a period are numbered in the order of its life; those for a person follow.
    """
    title = use_case.replace("_", " ").capitalize()
    number = f"{LIFE.index(kind) + 1} " if kind in LIFE else ""
    return f"{title} · {number}{kind.replace('_', ' ')}"


class RunPeriodsError(InvalidRequestError):
    """A run has a partition key and another period in its form."""

    def __init__(self, key: str, chosen: str) -> None:
        self.key, self.chosen = key, chosen
        super().__init__(
            f"The run has the partition key {key!r} and the form's `period` {chosen!r}. Give only one of them."
        )


class FormFieldsError(InvalidRequestError):
    """A run without a period has fields that its form does not have."""

    def __init__(self, unknown: Iterable[str], known: Iterable[str]) -> None:
        self.unknown, self.known = tuple(sorted(unknown)), tuple(sorted(known))
        super().__init__(
            f"The form has no field {shorten_names(self.unknown)}, so it is not clear which period is meant."
            f" Nothing was done. Its fields are {shorten_names(self.known)}."
        )


def period_of(context: Mapping[str, Any], use_case: DataDeclaration) -> Period:
    """Return the period of the run: its partition key, or the form's `period`.

    Without both it is the newest one that had begun when the run was triggered, so that a task that is cleared later
    works on the same one.

    Raises:
        RunPeriodsError: both are given, and differ.
        FormFieldsError: neither is given, but a field that the form does not have.
        PeriodError: the value is no period of the use case's calendar.
    """
    run, params = context["dag_run"], context["params"]
    key, chosen = run.partition_key, params.get("period")
    if key and chosen and key != chosen:
        raise RunPeriodsError(str(key), str(chosen))
    if key or chosen:
        return use_case.calendar.parse(key or chosen, use_case.name)
    known = context["dag"].params if "dag" in context else params
    if unknown := set(run.conf or {}) - set(known):
        raise FormFieldsError(unknown, known)
    return use_case.newest_period(run.run_after)


def pipeline_run(use_case: str, **handed_on: Any) -> PipelineRun:
    """Return the pipeline's run of the current task, for its step.

    `handed_on` are results of earlier tasks.

    Raises:
        InvalidRequestError: there is no such use case, or the run has no clear day.
        BrokenUseCaseError: the use case cannot be loaded.
    """
    context = get_current_context()
    declared = load_use_case(use_case)
    project = open_project(declared)
    announce = partial(callbacks.notify_cost, project)
    return PipelineRun(project, period_of(context, declared), context["params"], announce_cost=announce, **handed_on)


def data_run(name: str) -> DataRun:
    """Return the run of the current task for its step, of a use case or feature group.

    Raises:
        InvalidRequestError: there is no such use case or group, or the run has no clear day.
        BrokenUseCaseError: it cannot be loaded.
    """
    context = get_current_context()
    declared = load_declaration(name)
    project = open_data_project(declared)
    announce = partial(callbacks.notify_cost, project)
    return DataRun(project, period_of(context, declared), context["params"], announce_cost=announce)


@contextmanager
def fail_without_retry() -> Iterator[None]:
    """Fail without retries on permanent errors.

    A task that exceeds its memory limit is ended.
    """
    try:
        with limited_memory():
            yield
    except AirworthyError as error:
        if error.retryable:
            log_reason(str(error))
            raise
        fail_task(error)


def default_deferrable() -> bool:
    """Return Airflow's option [operators] default_deferrable.

    It says whether a triggerer does the waiting.
    """
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))


def add_asset_metadata(use_case: DataDeclaration, name: str, **extra: Any) -> None:
    """Add values and links to the asset's event, for the asset page."""
    get_current_context()["outlet_events"][asset(use_case, name)].extra.update(escape_values(extra))
