"""<use case>__rollback: manual, with a form.

The form names the version, the day from which it is champion, and why.
"""

from airflow.sdk import DAG

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory, params
from include.orchestration.dag_files import make_each
from include.orchestration.tasks import manual as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__rollback`."""
    with dag_factory.manual_dag(use_case, "rollback", params=params.rollback_params(use_case)) as built:
        tasks.roll_back.override(outlets=[assets.asset(use_case, "model")])(use_case.name)
    return built


globals().update(make_each("rollback", make))
