"""<use case>__data: every day, ingest → validate → build_features; first, what others deliver is waited for."""

from airflow.sdk import DAG, chain

from include import dag, forms
from include.orchestration.dag_files import make_each
from include.tasks import data as tasks
from include.use_case import UseCase


def make(use_case: UseCase) -> DAG:
    """Return the DAG `<use case>__data`."""
    raw, checked = dag.asset(use_case, "raw"), dag.asset(use_case, "checked")
    features = [dag.asset(use_case, "features"), dag.asset(use_case, "labels")]

    with dag.daily(use_case, "data", params=forms.data(use_case), max_active_runs=8) as built:
        chain(
            *filter(None, [tasks.wait_for_deliveries(use_case)]),
            tasks.ingest.override(outlets=[raw])(use_case.name),
            tasks.validate.override(inlets=[raw], outlets=[checked])(use_case.name),
            tasks.build_features.override(inlets=[checked], outlets=features)(use_case.name),
        )
    return built


globals().update(make_each("data", make))
