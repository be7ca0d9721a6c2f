"""<use case>__trial: manual, with a form.

Its tasks are change_trial, and judge → request_approval → approve → promote. The form names the action, the version,
the period from which it is effective, and why.
"""

from airflow.sdk import DAG, chain

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory, params
from include.orchestration.approval_operator import PromotionApproval
from include.orchestration.dag_files import make_each
from include.orchestration.tasks import train, trial


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__trial`."""
    with dag_factory.manual_dag(use_case, "trial", params=params.trial_params(use_case)) as built:
        trial.change_trial(use_case.name)
        version = trial.judge(use_case.name)
        asked = train.request_approval(use_case.name, version)
        approved = PromotionApproval(task_id="approve", use_case=use_case, judged_by="judge", **dag_factory.HUMAN_ARGS)
        promoted = trial.promote.override(outlets=[assets.asset(use_case, "model")])(use_case.name, version)
        chain(asked, approved, promoted)
    return built


globals().update(make_each("trial", make))
