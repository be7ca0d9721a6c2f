"""<use case>__reproduce: manual, with a form: which version to rebuild."""

from airflow.sdk import DAG, Param

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory
from include.orchestration import params as orchestration_params
from include.orchestration.dag_files import make_each
from include.orchestration.tasks import manual as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__reproduce`."""
    params = {
        "version": Param(
            **orchestration_params.A_NAME,
            minLength=1,
            title="Version",
            description="Registered version to rebuild and compare. The error for an unknown one lists all versions.",
        ),
    }

    with dag_factory.manual_dag(use_case, "reproduce", params=params) as built:
        tasks.reproduce.override(inlets=[assets.asset(use_case, "model")])(use_case.name)
    return built


globals().update(make_each("reproduce", make))
