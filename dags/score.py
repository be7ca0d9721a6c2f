"""<use case>__score: every day, wait_for_features → score → export.

The task `export` is there only if a destination is declared.
"""

from airflow.sdk import DAG, chain

from include.declaration.use_case import UseCase
from include.orchestration import dag_factory, params
from include.orchestration.dag_files import make_each
from include.orchestration.sensors import PeriodSensor
from include.orchestration.tasks import score as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__score`."""
    inlets = [dag_factory.asset(use_case, "features"), dag_factory.asset(use_case, "model")]
    predictions = dag_factory.asset(use_case, "predictions")

    with dag_factory.period_dag(
        use_case, "score", params=params.score_params(use_case), due=use_case.score_schedule, max_active_runs=8
    ) as built:
        chain(
            PeriodSensor(
                task_id="wait_for_features", use_case=use_case.name, table="features", **dag_factory.SENSOR_ARGS
            ),
            tasks.score.override(inlets=inlets, outlets=[predictions])(use_case.name),
            *([tasks.export.override(inlets=[predictions])(use_case.name)] if use_case.exports else []),
        )
    return built


globals().update(make_each("score", make))
