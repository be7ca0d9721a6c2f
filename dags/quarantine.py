"""<use case>__quarantine: manual, with a form.

The form names the quarantined rows to resubmit, how, and why.
"""

from airflow.sdk import DAG

from include.declaration.data_declaration import DataDeclaration
from include.orchestration import dag_factory, params
from include.orchestration.dag_files import make_each_with_groups
from include.orchestration.tasks import manual as tasks


def make(use_case: DataDeclaration) -> DAG:
    """Return the DAG `<use case>__quarantine`."""
    with dag_factory.manual_dag(use_case, "quarantine", params=params.quarantine_params(use_case)) as built:
        tasks.resubmit(use_case.name)
    return built


globals().update(make_each_with_groups("quarantine", make))
