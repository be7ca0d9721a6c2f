"""The services of docker-compose.yaml, independent of the use case."""

from __future__ import annotations

from collections.abc import Callable

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from include.local.airflow_client import FINISHED, AirflowClient, AirflowRefusedError, DagRun
from tests.end_to_end.conftest import until
from tests.integration.conftest import TOY
from tests.integration.stack import ALL
from tests.integration.walk import Walk

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600, method="signal")]


@pytest.fixture(scope="module")
def training(lived: Callable[[Walk], DagRun]) -> DagRun:
    """There are runs, and so logs."""
    return lived(TOY)


def test_who_has_not_logged_in_sees_nothing(stack):
    for route in ("/airworthy/", "/api/v2/dags"):
        assert httpx.get(f"{stack.airflow_url}{route}", trust_env=False, timeout=1200).status_code == 401


def test_who_may_look_may_read_and_not_act(stack, training):
    viewer = AirflowClient(stack.airflow_url, "prometheus", stack.secrets["AIRWORTHY_VIEWER_PASSWORD"])
    dag = f"/dags/{TOY.dag('data')}"

    def status(method: str, path: str, body: object = None) -> int:
        mine = {"Authorization": f"Bearer {viewer.token}"}
        address = f"{stack.airflow_url}/api/v2{path}"
        return httpx.request(method, address, json=body, headers=mine, trust_env=False, timeout=1200).status_code

    assert status("GET", "/dags") == status("GET", dag) == 200
    assert status("POST", f"{dag}/dagRuns", {"logical_date": None, "conf": {"period": "2020-01-05"}}) == 403
    assert status("PATCH", dag, {"is_paused": False}) == 403
    # Of a run that is not there: were it allowed, nothing would be lost.
    assert status("DELETE", f"{dag}/dagRuns/none") == 403


@pytest.mark.parametrize("user", ["admin", "prometheus"])
def test_a_wrong_password_gets_no_token(stack, user):
    with pytest.raises(AirflowRefusedError, match="POST /auth/token with 401"):
        AirflowClient(stack.airflow_url, user, "hunter2")


@pytest.mark.parametrize("secret", ["hunter2", None])
def test_s3_lets_no_one_in_without_the_keys_of_dot_env(stack, training, secret):
    key = stack.secrets["AIRWORTHY_S3_ACCESS_KEY"] if secret else None
    config = Config(signature_version=None if secret else UNSIGNED)
    session = boto3.session.Session(key, secret, region_name="us-east-1")
    stranger = session.client("s3", endpoint_url=stack.s3.url, config=config)
    name = stack.files("airworthy-lake")[0]
    for request in (
        lambda: stranger.get_object(Bucket="airworthy-lake", Key=name),
        lambda: stranger.put_object(Bucket="airworthy-lake", Key="theirs", Body=b"x"),
        lambda: stranger.list_objects_v2(Bucket="airworthy-lake"),
        lambda: stranger.delete_object(Bucket="airworthy-lake", Key=name),
    ):
        with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|AccessDenied"):
            request()
    assert name in stack.files("airworthy-lake")
    assert stack.files("airworthy-lake", "theirs") == []


def test_nothing_listens_on_anything_but_loopback(stack):
    listening = list(stack.listening())
    assert len(listening) >= 13
    assert {address for address, _ in listening} <= {"127.0.0.1", "::1"}


def test_the_one_shot_service_run_again_changes_nothing(stack, training, api):
    dags = [TOY.dag(kind) for kind in ("data", "train", "score", "monitor")]
    until(lambda: all(run.state in FINISHED for dag in dags for run in api.runs(dag)), "the end of what is scheduled")

    def there() -> tuple[object, ...]:
        pools = {pool["name"]: pool["slots"] for pool in api.call("GET", "/pools")["pools"]}
        return pools, [api.runs(dag) for dag in dags], stack.files("airworthy-lake", f"{TOY.use_case.name}/")

    before = there()
    stack.prepare()
    assert there() == before
    assert before[0]["training"] == 1


def test_no_secret_is_in_any_log(stack, training):
    secrets = {name: value for name, value in stack.secrets.items() if len(value) > 12}
    assert len(secrets) >= 10
    texts = {name: stack.read("airworthy-logs", name) for name in stack.files("airworthy-logs")}
    texts |= {name: (stack.home / name / "log").read_text(errors="replace") for name in (*ALL, "init")}
    assert len(texts) > 20
    assert [(name, where) for name, value in secrets.items() for where, text in texts.items() if value in text] == []
