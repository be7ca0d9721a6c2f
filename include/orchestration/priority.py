"""Say which waiting task starts first: backfills wait for all other work.

Airflow starts the waiting task of the highest weight when a slot becomes free, over all DAGs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.task.priority_strategy import PriorityWeightStrategy
from airflow.utils.types import DagRunType

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

OF_HISTORY = ("backfill", "go_live")
"""Kinds of DAG that work through past periods."""
HISTORY, OTHER = 1, 100


class BackfillsLast(PriorityWeightStrategy):
    """Weight of tasks of scheduled runs, and of runs by hand, above that of backfills.

    Runs of Airflow's own backfills are recognised by their type, the others by the kind of their DAG.
    """

    def get_weight(self, ti: TaskInstance) -> int:
        """Return the weight of a task of this run."""
        is_backfill = DagRunType.from_run_id(ti.run_id) == DagRunType.BACKFILL_JOB
        return HISTORY if is_backfill or ti.dag_id.rpartition("__")[2] in OF_HISTORY else OTHER


STRATEGY = f"{BackfillsLast.__module__}.{BackfillsLast.__qualname__}"
"""Name by which tasks have it: Airflow 3.3.2 stores an object, but cannot read it again."""
