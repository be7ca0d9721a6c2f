"""<use case>__monitor: every day, wait_for_predictions → measure."""

from airflow.sdk import DAG, chain

from include import dag
from include.orchestration.dag_files import make_each
from include.sensors import DaySensor
from include.tasks import monitor as tasks
from include.use_case import UseCase


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__monitor`."""
    inlets = [dag.asset(use_case, "features"), dag.asset(use_case, "labels"), dag.asset(use_case, "predictions")]
    wait = {**dag.WAITING, "table": "predictions", "required": False}

    with dag.daily(use_case, "monitor", max_active_runs=8) as built:
        chain(
            DaySensor(task_id="wait_for_predictions", use_case=use_case.name, **wait),
            tasks.measure.override(inlets=inlets, outlets=[dag.asset(use_case, "metrics")])(use_case.name),
        )
    return built


globals().update(make_each("monitor", make))
