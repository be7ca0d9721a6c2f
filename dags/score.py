"""<use case>__score: every day, wait_for_features → score → export.

After `score` comes `score_shadow`, too, which is skipped unless a version is tried; nothing waits for it. The task
`export` is there only if a destination is declared. If the use case declares the rows of a shard, plan_shards →
score_shard (one task for each shard) come before `score`, which then commits.
"""

from airflow.sdk import DAG, chain

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory, params
from include.orchestration.dag_files import make_each
from include.orchestration.sensors import PeriodSensor
from include.orchestration.tasks import score as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__score`."""
    inlets = [assets.asset(use_case, "features"), assets.asset(use_case, "model")]
    predictions = assets.asset(use_case, "predictions")

    with dag_factory.period_dag(
        use_case, "score", params=params.score_params(use_case), due=use_case.score_schedule, max_active_runs=8
    ) as built:
        wait = PeriodSensor(
            task_id="wait_for_features", use_case=use_case.name, table="features", **dag_factory.SENSOR_ARGS
        )
        score = tasks.score.override(inlets=inlets, outlets=[predictions])
        if use_case.scoring.shard_rows is None:
            scored = score(use_case.name)
            chain(wait, scored)
        else:
            shards = tasks.plan_shards.override(inlets=inlets)(use_case.name)
            worked = tasks.score_shard.partial(use_case=use_case.name).expand(shard=shards)
            # A day without shards skips score_shard; then this task scores the day alone.
            scored = score.override(trigger_rule="none_failed_min_one_success")(use_case.name, shards)
            chain(wait, shards, worked, scored)
        chain(scored, tasks.score_shadow.override(inlets=inlets)(use_case.name))
        if use_case.exports:
            chain(scored, tasks.export.override(inlets=[predictions])(use_case.name))
    return built


globals().update(make_each("score", make))
