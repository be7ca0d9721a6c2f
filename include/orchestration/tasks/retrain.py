"""Tasks of <use case>__retrain."""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include.declaration.use_case_discovery import load_use_case
from include.errors import AirworthyError
from include.orchestration import task_links
from include.orchestration.airflow_connections import open_project
from include.orchestration.dag_factory import TASK_ARGS, add_asset_metadata, fail_without_retry, period_of
from include.orchestration.failures import fail_task
from include.orchestration.trigger_training import ENDED, TriggerTrainingOperator, training_of, was_started
from include.printable import printable_logger

log = printable_logger(__name__)


@task.short_circuit(**TASK_ARGS)
def decide(use_case: str) -> str | None:
    """Decide once for the day whether to train; return the reason.

    None skips the other tasks.
    """
    from include.retraining import decide

    with fail_without_retry():
        declared = load_use_case(use_case)
        period = period_of(get_current_context(), declared)
        decision = decide.decide_retraining(open_project(declared), period)
    log.info("%s: %s%s", decision.outcome, decision.reason, "" if decision.new else " (Decided before; unchanged.)")
    add_asset_metadata(declared, "decisions", period=decision.period, outcome=decision.outcome, reason=decision.reason)
    task_links.set_links(monitoring=task_links.page_address(use_case, decision.period))
    return decision.reason if decision.outcome == "retrain" else None


@task(**TASK_ARGS)
def reserve_slot(use_case: str) -> dict[str, object]:
    """Claim a training of the month's budget; skip if the budget is used up."""
    from include.retraining import reserve_slot

    with fail_without_retry():
        declared = load_use_case(use_case)
        claimed = reserve_slot.reserve_slot(open_project(declared), period_of(get_current_context(), declared))
    if claimed.slot is None:
        raise AirflowSkipException(claimed.reason)
    return asdict(claimed)


@task(trigger_rule="none_failed", **TASK_ARGS)
def record_outcome(use_case: str) -> dict[str, object]:
    """Record the training's outcome; fail if it failed or was not started.

    The error names its run.
    """
    from include.retraining import outcome, reserve_slot

    with fail_without_retry():
        declared, context = load_use_case(use_case), get_current_context()
        period, task_instance, dag_id = period_of(context, declared), context["ti"], f"{use_case}__train"
        training = training_of(period)
        state = task_instance.get_dagrun_state(dag_id, training) if was_started(context, dag_id, training) else None
        if state is not None and state not in ENDED:
            fail_task(
                AirworthyError(f"The training {dag_id} {training} is still {state}. Clear this task when it has ended.")
            )
        claimed = reserve_slot.existing_reservation(open_project(declared), period)
        if state is None and outcome.recorded_outcome(open_project(declared), period) in (
            "promoted",
            "rejected",
            "not promoted",
        ):
            raise AirflowSkipException(f"The outcome is recorded, and Airflow no longer has the run {training}.")
        pulled = {
            name: task_instance.xcom_pull(name, dag_id=dag_id, run_id=training) for name in ("register", "promote")
        }
        result = outcome.record_training_outcome(
            open_project(declared),
            period,
            training,
            state=state,
            version=pulled["register"],
            promotion=pulled["promote"],
            why_not=claimed.reason if claimed.slot is None else TriggerTrainingOperator.PAUSED.format(dag_id=dag_id),
        )
    log.info("%s: %s", result.outcome, result.reason)
    add_asset_metadata(
        declared,
        "retrainings",
        period=result.period,
        outcome=result.outcome,
        version=result.model_version,
        reason=result.reason,
    )
    if result.outcome == "failed" or (state is None and claimed.slot is not None):
        fail_task(AirworthyError(f"{dag_id} {training}: {result.reason}"))
    return asdict(result)
