"""<use case>__reproduce: by hand, with a form: which version to build again."""

from airflow.sdk import Param

from include import dag
from include.tasks import by_hand as tasks
from include.use_cases import all_use_cases

for use_case in all_use_cases().values():
    params = {
        "version": Param(
            type="string",
            minLength=1,
            title="Version",
            description="The registered version to build again and compare. A wrong one is refused with a list.",
        ),
    }

    with dag.by_hand(use_case, "reproduce", params=params):
        tasks.reproduce.override(inlets=[dag.asset(use_case, "model")])(use_case.name)
