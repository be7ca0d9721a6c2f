"""<use case>__data: every day, ingest → validate → build_features.

Also feature_group_<group>__data. It first waits for delivered files.
"""

from airflow.sdk import DAG, chain

from include.declaration.data_declaration import DataDeclaration
from include.declaration.feature_group_discovery import load_feature_group
from include.declaration.use_case import UseCase
from include.orchestration import assets, dag_factory, params
from include.orchestration.dag_files import make_each_with_groups
from include.orchestration.tasks import data as tasks


def make(use_case: DataDeclaration) -> DAG:
    """Return the DAG `<use case>__data`."""
    raw, checked = assets.asset(use_case, "raw"), assets.asset(use_case, "checked")
    tables = ("features", "labels") if isinstance(use_case, UseCase) else ("features",)
    features = [assets.asset(use_case, table) for table in tables]

    groups = {use.name for use in use_case.feature_groups} if isinstance(use_case, UseCase) else set()
    shared = [assets.asset(load_feature_group(name), "features") for name in sorted(groups)]

    with dag_factory.period_dag(use_case, "data", params=params.data_params(use_case), max_active_runs=8) as built:
        chain(
            *filter(None, [tasks.wait_for_deliveries(use_case)]),
            tasks.ingest.override(outlets=[raw])(use_case.name),
            tasks.validate.override(inlets=[raw], outlets=[checked])(use_case.name),
            tasks.build_features.override(inlets=[checked, *shared], outlets=features)(use_case.name),
        )
    return built


globals().update(make_each_with_groups("data", make))
