"""Days of the toy use case and two weeks of flights on PostgreSQL, Redis, two Celery workers, MLflow and S3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient, DagRun
from include.project import open_project
from include.registry.ledger import Ledger
from include.web import summary
from tests.integration.conftest import TOY
from tests.integration.stack import WORKERS
from tests.integration.use_cases import quick_flights
from tests.integration.walk import Walk

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600, method="signal")]

FLIGHTS = Walk(quick_flights.USE_CASE, Period("2013-01-01"), Period("2013-01-14"), as_of=Period("2013-01-13"))


@pytest.fixture(scope="module", params=[TOY, FLIGHTS], ids=["toy", "flights"])
def walk(request: pytest.FixtureRequest) -> Walk:
    return request.param


@pytest.fixture(scope="module")
def training(walk: Walk, lived: Callable[[Walk], DagRun]) -> DagRun:
    """The training, after all its days have gone through the services."""
    return lived(walk)


def task_instances(api: AirflowClient, dag_id: str) -> list[dict[str, object]]:
    path = f"/dags/{dag_id}/dagRuns/~/taskInstances"
    return api.call("GET", path, params={"limit": 100, "state": "success"})["task_instances"]


@pytest.mark.usefixtures("as_operator")
def test_the_tables_on_s3_hold_what_the_same_days_make_on_disk_in_one_process(walk, tmp_path):
    expected = walk.in_process(tmp_path / "home")
    assert expected["predictions"] and expected["metrics"] and len(expected["features"]) > 9
    assert walk.tables() == expected


def test_both_workers_ran_tasks(walk, training, api):
    ran = Counter(task["hostname"] for task in task_instances(api, walk.dag("data")))
    assert set(ran) == set(WORKERS)
    assert min(ran.values()) > 3, ran


@pytest.mark.usefixtures("as_operator")
def test_every_event_of_a_scored_day_has_a_prediction_by_the_champion(walk):
    entry = Ledger.open(walk.use_case).champion_of(walk.last)
    assert (entry.version, entry.effective_from) == ("1", walk.as_of)
    predictions = Lake.open(walk.use_case).as_of(walk.last).read("predictions", walk.as_of, walk.last)
    assert set(predictions["model_version"].to_pylist()) == {"1"}
    found = summary.build_report(open_project(walk.use_case))
    assert all(feed.landed == feed.published + feed.quarantined and feed.landed for feed in found.feeds.values())


def test_the_log_of_a_task_is_read_from_s3_where_no_worker_has_it_any_more(walk, stack, training, api):
    of_run = f"dag_id={walk.dag('train')}/run_id={training.run_id}/task_id=train"
    assert not [path for path in stack.home.rglob("*.log") if of_run in str(path) and path.stat().st_size]
    task = f"/dags/{walk.dag('train')}/dagRuns/{training.run_id}/taskInstances/train"
    answer = api.call("GET", f"{task}/logs/1", params={"full_content": True}, headers={"Accept": "application/json"})
    said = " ".join(str(line) for line in answer["content"])
    assert "s3://airworthy-logs/tasks" in said
    assert f"Trained as of {walk.as_of}" in said, said[:3000]


def test_the_models_files_are_on_s3_behind_mlflows_server(walk, stack, training):
    names = stack.files("airworthy-mlflow")
    assert any(name.endswith("model.lgb") or "/model" in name for name in names), names[:20]
    query = {"filter": f"name='{walk.use_case.name}'"}
    answer = httpx.get(f"{stack.mlflow_url}/api/2.0/mlflow/model-versions/search", params=query, trust_env=False)
    assert [version["version"] for version in answer.json()["model_versions"]] == ["1"]


def test_the_page_shows_the_champion_and_the_validation_from_s3(walk, stack, training, api):
    with httpx.Client(
        base_url=stack.airflow_url, headers={"Authorization": f"Bearer {api.token}"}, trust_env=False, timeout=1200
    ) as client:
        page = client.get(f"/airworthy/use_case/{walk.use_case.name}")
        assert page.status_code == 200 and "version 1" in page.text
        # The schedule has made the run of today, too: without a period the calendar ends with today's.
        calendar = client.get(f"/airworthy/validation/{walk.use_case.name}", params={"until": walk.last.key})
        assert calendar.status_code == 200 and f"{walk.last}: published" in calendar.text
