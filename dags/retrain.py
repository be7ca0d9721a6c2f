"""<use case>__retrain: every day, decide whether to train, and train.

Its tasks: wait_for_metrics → decide → reserve_slot → train → record_outcome.
"""

from datetime import timedelta

from airflow.sdk import DAG, chain

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory
from include.orchestration.dag_files import make_each
from include.orchestration.sensors import DECISION_WAIT_LIMIT, PreviousDecisionSensor
from include.orchestration.tasks import retrain as tasks
from include.orchestration.trigger_training import TriggerTrainingOperator


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__retrain`."""
    made = {what: [assets.asset(use_case, what)] for what in ("metrics", "decisions", "retrainings")}
    wait = {
        **dag_factory.SENSOR_ARGS,
        "execution_timeout": DECISION_WAIT_LIMIT + timedelta(hours=1),
        "last_task": "record_outcome",
    }

    # A backfill runs several days at once, regardless of max_active_runs: the sensor keeps them in order.
    with dag_factory.period_dag(use_case, "retrain", from_now_on=True, max_active_runs=1) as built:
        chain(
            PreviousDecisionSensor(task_id="wait_for_metrics", use_case=use_case.name, **wait),
            tasks.decide.override(inlets=made["metrics"], outlets=made["decisions"])(use_case.name),
            tasks.reserve_slot(use_case.name),
            TriggerTrainingOperator(task_id="train", use_case=use_case, **dag_factory.HUMAN_ARGS),
            tasks.record_outcome.override(outlets=made["retrainings"])(use_case.name),
        )
    return built


globals().update(make_each("retrain", make))
