"""<use case>__maintenance: by hand with a form, a dry run unless asked to act; on Sundays where declared."""

from airflow.sdk import Param

from include import dag
from include.tasks import maintenance as tasks
from include.use_cases import all_use_cases

for use_case in all_use_cases().values():
    params = {
        "really": Param(
            False,
            type="boolean",
            title="Really",
            description="Off: a dry run, which says what would be removed and changes nothing. On: it is removed."
            + (
                " Attention: a trigger unpauses this DAG, and the runs of its schedule remove."
                if use_case.retention.automatic
                else ""
            ),
        ),
    }

    with dag.care(use_case, "maintenance", params=params):
        tasks.maintain.override(outlets=[dag.asset(use_case, "maintenance")])(use_case.name)
