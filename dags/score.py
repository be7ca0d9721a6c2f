"""<use case>__score: every day, wait_for_features → score."""

from airflow.sdk import DAG, chain

from include import dag, forms
from include.orchestration.dag_files import make_each
from include.sensors import DaySensor
from include.tasks import score as tasks
from include.use_case import UseCase


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__score`."""
    inlets = [dag.asset(use_case, "features"), dag.asset(use_case, "model")]
    predictions = dag.asset(use_case, "predictions")

    with dag.daily(use_case, "score", params=forms.score(), max_active_runs=8) as built:
        chain(
            DaySensor(task_id="wait_for_features", use_case=use_case.name, table="features", **dag.WAITING),
            tasks.score.override(inlets=inlets, outlets=[predictions])(use_case.name),
        )
    return built


globals().update(make_each("score", make))
