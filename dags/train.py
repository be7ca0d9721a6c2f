"""<use case>__train: prepare → tune → train → evaluate → register → brief → approve → promote; on Mondays, by hand."""

from airflow.sdk import chain

from include import dag, forms
from include.approval import PromotionApproval
from include.tasks import train as tasks
from include.use_cases import all_use_cases

for use_case in all_use_cases().values():
    data = [dag.asset(use_case, "features"), dag.asset(use_case, "labels")]
    model = dag.asset(use_case, "model")

    with dag.weekly(use_case, "train", params=forms.train(use_case), max_active_runs=1):
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
