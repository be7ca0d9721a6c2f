"""<use case>__rollback: manual, with a form.

The form names the version, the day from which it is champion, and why.
"""

from airflow.sdk import DAG, Param

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory
from include.orchestration import params as orchestration_params
from include.orchestration.dag_files import make_each
from include.orchestration.tasks import manual as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__rollback`."""
    unit = use_case.calendar.unit.name
    params = {
        "version": Param(
            **orchestration_params.A_NAME,
            minLength=1,
            title="Version",
            description="Former champion to go back to. The error for any other version lists all former champions.",
        ),
        "effective_from": Param(
            **orchestration_params.a_period(use_case),
            title="Effective from",
            description=f"Its first {unit} as the champion, not in the future. Scored {unit}s keep their version.",
        ),
        "reason": Param(
            **orchestration_params.A_REASON,
            minLength=3,
            title="Reason",
            description="Why you roll back; kept on the ledger with your name.",
        ),
    }

    with dag_factory.manual_dag(use_case, "rollback", params=params) as built:
        tasks.roll_back.override(outlets=[assets.asset(use_case, "model")])(use_case.name)
    return built


globals().update(make_each("rollback", make))
