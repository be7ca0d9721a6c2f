"""A feature group and the use case that joins it, in the real scheduler."""

from __future__ import annotations

import pytest

from include.declaration.feature_group_discovery import load_feature_group
from include.declaration.period import Period, period_range
from include.declaration.use_case_discovery import load_use_case
from include.features.staleness import find_stale
from include.local.airflow_client import AirflowClient
from include.project import DataProject, Project, open_data_project, open_project
from include.settings import downloads_folder
from tests.end_to_end.conftest import succeeded, until
from tests.end_to_end.recounted.groups.kind_counts.source import RECOUNTED
from tests.integration.walk import Walk
from tests.sharing.feature_groups.kind_quality import source

pytestmark = pytest.mark.slow

FIRST, LAST = Period("2020-01-04"), Period("2020-01-05")
GROUP, USE_CASE = "feature_group_kind_counts", "sorted_parts"


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    return "tests.end_to_end.recounted.use_cases"


@pytest.fixture(scope="module")
def feature_group_packages() -> str:
    return "tests.end_to_end.recounted.groups"


@pytest.fixture(scope="module")
def group(airflow: AirflowClient) -> DataProject:
    """The group, whose DAG has built two days."""
    project = open_data_project(load_feature_group("kind_counts"))
    until(lambda: all(airflow.has_dag(f"{GROUP}__{kind}") for kind in ("data", "maintenance", "quarantine")), "DAGs")
    Walk(project.use_case, FIRST, LAST, as_of=LAST).backfill(airflow, "data", FIRST)
    return project


@pytest.fixture(scope="module")
def parts(airflow: AirflowClient, group: DataProject) -> Project:
    """The use case, whose DAG has built the same days after it."""
    project = open_project(load_use_case(USE_CASE))
    until(lambda: airflow.has_dag(f"{USE_CASE}__data"), "the DAG")
    Walk(project.use_case, FIRST, LAST, as_of=LAST).backfill(airflow, "data", FIRST)
    return project


def defects(project: Project, period: Period) -> dict[str, int]:
    rows = project.lake.as_of(period).read("features", period, period).to_pylist()
    return {row["kind"]: row["defects"] for row in rows if row["defects"] is not None}


def inspected(period: Period, more: int = 0) -> dict[str, int]:
    return {row["kind"]: row["defects"] + more for row in source.inspections(period).to_pylist()}


def stale(project: Project) -> dict[str, list[Period]]:
    """Table to the stale days up to the last backfilled one; a scheduled run may be at work on a later one."""
    found = {
        one.table: [each.period for each in one.stale if each.period <= LAST]
        for one in find_stale(project, reread=True)
    }
    return {table: periods for table, periods in found.items() if periods}


def test_the_use_case_joins_what_the_dag_of_the_group_has_built(group, parts):
    for period in period_range(FIRST, LAST):
        assert defects(parts, period) == inspected(period)
        note = parts.lake.as_of(period).note("features", period)
        read = note.inputs["_feature_groups/kind_counts/features"]
        assert read == group.lake.as_of(period).digest_of_periods("features", period, period)
    assert list(group.lake.as_of(LAST).partitions("features")) == period_range(FIRST, LAST)


def test_a_correction_of_the_groups_feed_makes_the_use_case_stale_until_its_dag_runs_again(airflow, group, parts):
    assert stale(parts) == {}
    downloads_folder().mkdir(parents=True, exist_ok=True)
    (downloads_folder() / RECOUNTED).touch()
    succeeded(airflow, f"{GROUP}__data", airflow.trigger(f"{GROUP}__data", conf={"period": str(LAST)}))
    assert stale(parts) == {"features": [LAST]}
    assert defects(parts, LAST) == inspected(LAST)
    succeeded(airflow, f"{USE_CASE}__data", airflow.trigger(f"{USE_CASE}__data", conf={"period": str(LAST)}))
    assert stale(parts) == {}
    assert defects(parts, LAST) == inspected(LAST, more=1)


def test_the_maintenance_of_a_group_is_a_dry_run_by_default(airflow, group, parts):
    dag_id = f"{GROUP}__maintenance"
    airflow.unpause(dag_id)
    run = airflow.trigger(dag_id, conf={"apply_changes": False})
    succeeded(airflow, dag_id, run)
    assert airflow.xcom(dag_id, run.run_id, "maintain")["apply_changes"] is False
