"""<use case>__train: on Mondays or manual.

prepare → tune → train → evaluate → register → request_approval → approve → promote
"""

from airflow.sdk import DAG, chain

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory, params
from include.orchestration.approval_operator import PromotionApproval
from include.orchestration.dag_files import make_each
from include.orchestration.tasks import train as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__train`."""
    data = [assets.asset(use_case, "features"), assets.asset(use_case, "labels")]
    model = assets.asset(use_case, "model")

    with dag_factory.training_dag(use_case, "train", params=params.train_params(use_case), max_active_runs=1) as built:
        prepared = tasks.prepare(use_case.name)
        tuned = tasks.tune(use_case.name)
        trained = tasks.train.override(inlets=data)(use_case.name, tuned)
        gate_results = tasks.evaluate(use_case.name, trained)
        version = tasks.register(use_case.name, gate_results["run_id"])
        asked = tasks.request_approval(use_case.name, version)
        approved = PromotionApproval(task_id="approve", use_case=use_case, **dag_factory.HUMAN_ARGS)
        promoted = tasks.promote.override(outlets=[model])(use_case.name, version)
        chain(prepared, tuned)
        chain(asked, approved, promoted)
    return built


globals().update(make_each("train", make))
