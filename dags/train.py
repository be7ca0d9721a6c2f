"""<use case>__train: on Mondays, by hand or triggered, prepare → train → evaluate → register → promote."""

from airflow.sdk import Param, chain

from include import dag, tasks
from include.use_cases import all_use_cases

for use_case in all_use_cases().values():
    data = [dag.asset(use_case, "features"), dag.asset(use_case, "labels")]
    model = dag.asset(use_case, "model")
    params = {
        "window_days": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Window",
            description=f"Days to learn from, before the run's day. Empty: {use_case.training.window_days}.",
        ),
        "parameters": Param(
            None,
            type=["null", "object"],
            title="LightGBM parameters",
            description='Overrides of the declared ones, such as {"num_leaves": 15}; checked before training.',
        ),
        "reason": Param(
            None, type=["null", "string"], title="Reason", description="Why this training; kept with the version."
        ),
    }

    with dag.weekly(use_case, "train", params=params, max_active_runs=2):
        prepared = tasks.prepare.override(inlets=data)(use_case.name)
        trained = tasks.train.override(inlets=data)(use_case.name)
        verdicts = tasks.evaluate(use_case.name, trained)
        version = tasks.register(use_case.name, verdicts["run_id"])
        tasks.promote.override(outlets=[model])(use_case.name, version)
        chain(prepared, trained)
