"""Tasks of <use case>__retrain."""

from __future__ import annotations

from dataclasses import asdict

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.declaration.registry import load
from include.orchestration.dag_factory import INPUT_OUTPUT, day_of, note, told
from include.orchestration.trigger_training import ENDED, TriggerTrainingOperator, training_of, was_started
from include.printable import printable_logger

log = printable_logger(__name__)


@task.short_circuit(**INPUT_OUTPUT)
def decide(use_case: str) -> str | None:
    """Decide by the policy, once for the day; the reason to train, or nothing, and then nothing follows."""
    from include.retraining import decide

    with told():
        declared, day = load(use_case), day_of(get_current_context())
        decision = decide.run(declared, day)
    log.info("%s: %s%s", decision.outcome, decision.reason, "" if decision.new else " (Decided before; it stands.)")
    note(declared, "decisions", day=decision.day, outcome=decision.outcome, why=decision.reason)
    return decision.reason if decision.outcome == "retrain" else None


@task(**INPUT_OUTPUT)
def claim(use_case: str) -> dict[str, object]:
    """Claim a training of the month's budget; skipped where others were first."""
    from include.retraining import reserve_slot

    with told():
        claimed = reserve_slot.run(load(use_case), day_of(get_current_context()))
    if claimed.slot is None:
        raise AirflowSkipException(claimed.reason)
    return asdict(claimed)


@task(trigger_rule="none_failed", **INPUT_OUTPUT)
def record(use_case: str) -> dict[str, object]:
    """Record what became of the training; fails, naming its run, where that failed or was not started."""
    from include.retraining import outcome, reserve_slot

    with told():
        declared, context = load(use_case), get_current_context()
        day, task_instance, dag_id = day_of(context), context["ti"], f"{use_case}__train"
        training = training_of(day)
        state = task_instance.get_dagrun_state(dag_id, training) if was_started(context, dag_id, training) else None
        if state is not None and state not in ENDED:
            raise AirflowFailException(
                f"The training {dag_id} {training} is still {state}. Clear this task when it has ended."
            )
        claimed = reserve_slot.standing(declared, day)
        if state is None and outcome.recorded(declared, day) in ("promoted", "rejected", "not promoted"):
            raise AirflowSkipException(f"The outcome is recorded, and Airflow no longer knows the run {training}.")
        pulled = {
            name: task_instance.xcom_pull(name, dag_id=dag_id, run_id=training) for name in ("register", "promote")
        }
        result = outcome.run(
            declared,
            day,
            training,
            state=state,
            version=pulled["register"],
            promotion=pulled["promote"],
            why_not=claimed.reason if claimed.slot is None else TriggerTrainingOperator.PAUSED.format(dag_id=dag_id),
        )
    log.info("%s: %s", result.outcome, result.reason)
    note(
        declared, "retrainings", day=result.day, outcome=result.outcome, version=result.model_version, why=result.reason
    )
    if result.outcome == "failed" or (state is None and claimed.slot is not None):
        raise AirflowFailException(f"{dag_id} {training}: {result.reason}")
    return asdict(result)
