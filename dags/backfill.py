"""<use case>__backfill: by hand, plan, then each phase in chunks, then reconcile.

Also feature_group_<group>__backfill, whose phases are those of data.

A phase's chunks run side by side, each in one process. The next phase begins when the last chunk has ended.
"""

from airflow.sdk import DAG, chain

from include.declaration.data_declaration import DataDeclaration
from include.orchestration import dag_factory, params
from include.orchestration.dag_files import make_each_with_groups
from include.orchestration.tasks import backfill as tasks


def make(use_case: DataDeclaration) -> DAG:
    """Return the DAG `<use case>__backfill`."""
    with dag_factory.manual_dag(use_case, "backfill", params=params.backfill_params(use_case)) as built:
        before = tasks.plan(use_case.name)
        for phase in tasks.phases_of(use_case):
            chunks = tasks.chunks.override(task_id=f"plan_{phase}", trigger_rule="all_done")(use_case.name, phase)
            work = tasks.work.override(task_id=phase).partial(use_case=use_case.name, phase=phase)
            worked = work.expand(periods=chunks)
            chain(before, chunks, worked)
            before = worked
        chain(before, tasks.reconcile.override(trigger_rule="all_done")(use_case.name))
    return built


globals().update(make_each_with_groups("backfill", make))
