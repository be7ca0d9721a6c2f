"""<use case>__monitor: every day, wait_for_predictions → measure."""

from airflow.sdk import DAG, chain

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory
from include.orchestration.dag_files import make_each
from include.orchestration.sensors import PeriodSensor
from include.orchestration.tasks import monitor as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__monitor`."""
    inlets = [
        assets.asset(use_case, "features"),
        assets.asset(use_case, "labels"),
        assets.asset(use_case, "predictions"),
    ]
    wait = {**dag_factory.SENSOR_ARGS, "table": "predictions", "required": False}

    with dag_factory.period_dag(use_case, "monitor", max_active_runs=8) as built:
        chain(
            PeriodSensor(task_id="wait_for_predictions", use_case=use_case.name, **wait),
            tasks.measure.override(inlets=inlets, outlets=[assets.asset(use_case, "metrics")])(use_case.name),
        )
    return built


globals().update(make_each("monitor", make))
