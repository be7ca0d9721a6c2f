"""<use case>__rollback: by hand, with a form: to which version, from which day on, and why."""

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
            description="The version to go back to; it was the champion before. A wrong one is refused with a list.",
        ),
        "effective_from": Param(
            type="string",
            format="date",
            title="Effective from",
            description="The first day that it is the champion of. Days scored before keep their version.",
        ),
        "reason": Param(
            type="string", minLength=3, title="Reason", description="Why; kept on the ledger with your name."
        ),
    }

    with dag.by_hand(use_case, "rollback", params=params):
        tasks.roll_back.override(outlets=[dag.asset(use_case, "model")])(use_case.name)
