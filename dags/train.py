"""<use case>__train: prepare → tune → train → evaluate → register → brief → approve → promote; on Mondays, by hand."""

from airflow.sdk import DAG, chain

from include import dag, forms
from include.approval import PromotionApproval
from include.orchestration.dag_files import make_each
from include.tasks import train as tasks
from include.use_case import UseCase


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__train`."""
    data = [dag.asset(use_case, "features"), dag.asset(use_case, "labels")]
    model = dag.asset(use_case, "model")

    with dag.weekly(use_case, "train", params=forms.train(use_case), max_active_runs=1) as built:
        prepared = tasks.prepare(use_case.name)
        tuned = tasks.tune(use_case.name)
        trained = tasks.train.override(inlets=data)(use_case.name, tuned)
        verdicts = tasks.evaluate(use_case.name, trained)
        version = tasks.register(use_case.name, verdicts["run_id"])
        asked = tasks.brief(use_case.name, version)
        approved = PromotionApproval(task_id="approve", use_case=use_case, **dag.ASKING)
        promoted = tasks.promote.override(outlets=[model])(use_case.name, version)
        chain(prepared, tuned)
        chain(asked, approved, promoted)
    return built


globals().update(make_each("train", make))
