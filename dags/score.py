"""<use case>__score: every day, wait_for_features → score → measure."""

from airflow.sdk import chain

from include import dag, forms, tasks
from include.sensors import FeaturesSensor
from include.use_cases import all_use_cases

for use_case in all_use_cases().values():
    inlets = [dag.asset(use_case, "features"), dag.asset(use_case, "model")]
    predictions, metrics = dag.asset(use_case, "predictions"), dag.asset(use_case, "metrics")

    with dag.daily(use_case, "score", params=forms.score(), max_active_runs=8):
        chain(
            FeaturesSensor(task_id="wait_for_features", use_case=use_case.name, **dag.WAITING),
            tasks.score.override(inlets=inlets, outlets=[predictions])(use_case.name),
            tasks.measure.override(inlets=[predictions], outlets=[metrics])(use_case.name),
        )
