"""<use case>__maintenance: manual, and on Sundays if declared.

Also feature_group_<group>__maintenance. It is a dry run unless Apply is set.
"""

from airflow.sdk import DAG, Param

from include.declaration.data_declaration import DataDeclaration
from include.orchestration import assets, dag_factory
from include.orchestration.dag_files import make_each_with_groups
from include.orchestration.tasks import maintenance as tasks


def make(use_case: DataDeclaration) -> DAG:
    """Return the DAG `<use case>__maintenance`."""
    params = {
        "apply_changes": Param(
            False,
            type="boolean",
            title="Apply",
            description="Off: a dry run, which lists what would be removed and changes nothing. On: remove it."
            + (
                " Attention: triggering unpauses this DAG, and its scheduled runs remove."
                if use_case.retention.automatic
                else ""
            ),
        ),
    }

    with dag_factory.maintenance_dag(use_case, "maintenance", params=params) as built:
        tasks.maintain.override(outlets=[assets.asset(use_case, "maintenance")])(use_case.name)
    return built


globals().update(make_each_with_groups("maintenance", make))
