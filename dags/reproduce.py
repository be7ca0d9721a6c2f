"""<use case>__reproduce: by hand, with a form: which version to build again."""

from airflow.sdk import DAG, Param

from include import dag, forms
from include.orchestration.dag_files import make_each
from include.tasks import by_hand as tasks
from include.use_case import UseCase


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__reproduce`."""
    params = {
        "version": Param(
            **forms.A_NAME,
            minLength=1,
            title="Version",
            description="The registered version to build again and compare. A wrong one is refused with a list.",
        ),
    }

    with dag.by_hand(use_case, "reproduce", params=params) as built:
        tasks.reproduce.override(inlets=[dag.asset(use_case, "model")])(use_case.name)
    return built


globals().update(make_each("reproduce", make))
