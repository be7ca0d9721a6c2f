"""<use case>__go_live: by hand, bring a history live.

Its data come in chunks, then everything else in order of time.
"""

from airflow.sdk import DAG, chain

from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory, params
from include.orchestration.dag_files import make_each
from include.orchestration.tasks import backfill as chunked
from include.orchestration.tasks import go_live as tasks


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__go_live`."""
    with dag_factory.manual_dag(use_case, "go_live", params=params.go_live_params(use_case)) as built:
        before = tasks.plan(use_case.name)
        for phase in tasks.DATA_PHASES:
            chunks = tasks.chunks.override(task_id=f"plan_{phase}", trigger_rule="none_failed")(use_case.name, phase)
            work = chunked.work.override(task_id=phase).partial(use_case=use_case.name, phase=phase)
            worked = work.expand(periods=chunks)
            chain(before, chunks, worked)
            before = worked
        walk = tasks.walk.override(trigger_rule="none_failed")(use_case.name)
        champions = tasks.announce_champions.override(outlets=[assets.asset(use_case, "model")])(use_case.name)
        chain(before, walk, champions, tasks.report.override(trigger_rule="all_done")(use_case.name))
    return built


globals().update(make_each("go_live", make))
