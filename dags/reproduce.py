"""<use case>__reproduce: manual, with a form: which version to rebuild."""

from airflow.sdk import DAG

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory, params
from include.orchestration.dag_files import make_each
from include.orchestration.tasks import manual as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__reproduce`."""
    with dag_factory.manual_dag(use_case, "reproduce", params=params.reproduce_params(use_case)) as built:
        tasks.reproduce.override(inlets=[assets.asset(use_case, "model")])(use_case.name)
    return built


globals().update(make_each("reproduce", make))
