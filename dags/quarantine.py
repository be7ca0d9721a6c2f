"""<use case>__quarantine: by hand, with a form: which quarantined rows are sent back, how, and why."""

from airflow.sdk import DAG

from include import dag, forms
from include.orchestration.dag_files import make_each
from include.tasks import by_hand as tasks
from include.use_case import UseCase


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__quarantine`."""
    with dag.by_hand(use_case, "quarantine", params=forms.quarantine(use_case)) as built:
        tasks.send_back(use_case.name)
    return built


globals().update(make_each("quarantine", make))
