"""A feature group has its own DAGs for its data, and no others."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from include.settings import REPOSITORY

pytestmark = pytest.mark.slow

PROGRAM = """
import json
from airflow.dag_processing.dagbag import DagBag

bag = DagBag("dags", bundle_path="dags", bundle_name="test")
found = {
    name: {
        "tasks": [task.task_id for task in dag.topological_sort()],
        "outlets": sorted(asset.name for task in dag.tasks for asset in task.outlets),
        "owner": dag.owner,
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
    }
    for name, dag in bag.dags.items()
    if name.startswith("feature_group_")
}
print(json.dumps({"dags": found, "errors": list(bag.import_errors.values())}))
"""


def read_dags(home, packages: str) -> dict:
    """The DAGs of feature groups, as a process of Airflow reads them."""
    names = {"USE_CASE_PACKAGES": "tests.sharing.use_cases", "FEATURE_GROUP_PACKAGES": packages, "HOME": str(home)}
    environment = os.environ | {f"AIRWORTHY_{name}": value for name, value in names.items()}
    environment |= {"AIRFLOW_HOME": str(home), "PYTHONPATH": f"{REPOSITORY}:{home}"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_group_has_a_data_dag_and_a_way_back_for_quarantined_rows(tmp_path):
    found = read_dags(tmp_path, "tests.sharing.feature_groups")
    assert found["errors"] == []
    assert {name: dag["tasks"] for name, dag in found["dags"].items()} == {
        "feature_group_kind_quality__backfill": ["plan", "plan_land", "land", "plan_build", "build", "reconcile"],
        "feature_group_kind_quality__data": ["ingest", "validate", "build_features"],
        "feature_group_kind_quality__maintenance": ["maintain"],
        "feature_group_kind_quality__quarantine": ["resubmit"],
    }
    data = found["dags"]["feature_group_kind_quality__data"]
    assert data["outlets"] == [f"feature_group_kind_quality/{table}" for table in ("checked", "features", "raw")]
    assert data["owner"] == "quality"
    assert "daily inspections" in data["doc"]
    assert "label" not in data["doc"].lower()
    maintenance = found["dags"]["feature_group_kind_quality__maintenance"]["doc"]
    assert "superseded content" in maintenance and "ledger" not in maintenance and "MLflow" not in maintenance


def test_a_group_that_cannot_be_loaded_is_reported_and_others_have_their_dags(tmp_path):
    folder = tmp_path / "mixed_groups"
    (folder / "broken").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "broken" / "__init__.py").write_text("import no_such_library\n")
    found = read_dags(tmp_path, "tests.sharing.feature_groups,mixed_groups")
    assert "feature_group_kind_quality__data" in found["dags"]
    assert [("no_such_library" in error) for error in found["errors"]] == [True]
