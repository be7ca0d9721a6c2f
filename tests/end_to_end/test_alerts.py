"""Mails, webhook calls and Prometheus scrapes from a real scheduler, triggerer and API server."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest

from include.declaration.period import Period
from include.lake.lake import Lake
from include.local.airflow_client import AirflowClient, DagRun
from tests import receivers, toy
from tests.end_to_end.alerted.nervous import USE_CASE
from tests.end_to_end.conftest import ended, succeeded, until
from tests.local.conftest import Shell, free_ports
from tests.receivers import Hook, Mailbox

pytestmark = pytest.mark.slow

AS_OF = Period("2020-03-01")
GUARDED = "guarded"
DATA, TRAIN, SCORE = (f"{USE_CASE.name}__{kind}" for kind in ("data", "train", "score"))


@pytest.fixture(scope="module")
def use_case_packages() -> str:
    return "tests.end_to_end.alerted"


@pytest.fixture(scope="module")
def mail() -> Iterator[tuple[Mailbox, int]]:
    with receivers.mail_server() as found:
        yield found


PLANTED = {name: f"planted-{name}-7Qx9" for name in ("webhook", "header", "bucket", "environment", "variable")}
"""Secrets that the instance is given, in each of the ways it can be."""
BASIC = base64.b64encode(f"airworthy:{PLANTED['webhook']}".encode()).decode()
"""As the webhook is sent it."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[list[Message], str]]:
    """What the source of `guarded` asks: it refuses everybody."""
    with receivers.refusing() as found:
        yield found


@pytest.fixture(scope="module")
def connections(mail: tuple[Mailbox, int], upstream: tuple[list[Message], str]) -> dict[str, str]:
    extra = {"endpoint_url": upstream[1], "region_name": "us-east-1"}
    bucket = {"conn_type": "aws", "login": "AKIACONNECTION", "password": PLANTED["bucket"], "extra": extra}
    return {
        **receivers.connections(mail[1], None),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(bucket),
        "AIRFLOW_VAR_UPSTREAM": upstream[1],
        "AIRFLOW_VAR_API_KEY": PLANTED["variable"],
        "AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": PLANTED["environment"],
    }


@pytest.fixture(scope="module")
def mailbox(mail: tuple[Mailbox, int]) -> Mailbox:
    return mail[0]


@pytest.fixture(scope="module")
def hook(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hook]:
    """The webhook, whose Connection an operator has made: it is in Airflow's database, not in the environment.

    From a file, for Airflow's audit log keeps a command with all of its text but passwords.
    """
    with receivers.webhook() as (hook, port):
        made = json.loads(receivers.connections(None, port)["AIRFLOW_CONN_AIRWORTHY_WEBHOOK"])
        made |= {"login": "airworthy", "password": PLANTED["webhook"]}
        made["extra"]["X-Api-Key"] = PLANTED["header"]  # what the provider does not know is a header to it
        file = tmp_path_factory.mktemp("operator") / "connections.json"
        file.write_text(json.dumps({"airworthy_webhook": made}))
        done = shell.run("airflow", "connections", "import", str(file))
        assert done.returncode == 0, done.stderr
        yield hook


@pytest.fixture(scope="module")
def api(shell: Shell, airflow: AirflowClient, hook: Hook) -> AirflowClient:
    toy.fill(Lake.open(USE_CASE), AS_OF - 60, AS_OF)
    until(lambda: all(map(airflow.has_dag, (DATA, TRAIN, SCORE))), "the DAGs")
    return airflow


def bodies(hook: Hook, event: str) -> list[dict]:
    return [body for body in hook.received if body["event"] == event]


def once(mailbox: Mailbox, hook: Hook, event: str, run: DagRun | None = None) -> dict:
    """The one message of that event, of that run, which came both ways; waits for it."""

    def found() -> list[dict]:
        return [each for each in bodies(hook, event) if run is None or each["links"]["run"].endswith(quote(run.run_id))]

    until(lambda: found() and found()[0]["subject"] in mailbox.subjects, f"the {event}")
    (body,) = found()
    assert mailbox.subjects.count(body["subject"]) == 1
    return body


def clear(api: AirflowClient, dag_id: str, run: DagRun) -> dict:
    body = {"dry_run": False, "dag_run_id": run.run_id, "only_failed": False}
    return api.call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)


@pytest.fixture(scope="module")
def waiting(api: AirflowClient) -> DagRun:
    """Today's scheduled scoring, which waits in vain for today's features."""
    api.unpause(SCORE)
    until(lambda: api.runs(SCORE), "the scheduled run")
    return api.runs(SCORE)[0]


def test_a_task_that_fails_after_its_last_try_is_one_mail_and_one_call(api, waiting, mailbox, hook):
    run = api.trigger(SCORE, conf={"period": "2019-12-31"})
    assert ended(api, SCORE, run).state == "failed"
    body = once(mailbox, hook, "failure", api.get_run(SCORE, run.run_id))
    assert body["subject"] == "[airworthy] nervous 2019-12-31: score: wait_for_features failed"
    assert body["details"]["error"].startswith("BeforeFirstPeriodError: nervous ")
    mine = {"Authorization": f"Bearer {api.token}"}
    log = httpx.get(body["links"]["log"], headers=mine, trust_env=False, timeout=1200)
    assert log.status_code == 200
    clear(api, SCORE, run)
    assert ended(api, SCORE, run).state == "failed"
    until(lambda: len(bodies(hook, "failure")) >= 2, "the failure of the cleared task")
    first, second = bodies(hook, "failure")
    assert (first["subject"], second["subject"]) == (body["subject"], body["subject"])
    # A machine that is too busy may cost a try.
    assert second["details"]["tries"] > first["details"]["tries"] >= 1


def test_a_scheduled_run_can_be_cleared_before_its_deadline(api):
    # With Airflow's own DAGRUN_QUEUED_AT, this is refused with 500.
    dag_id = "patient__data"
    api.unpause(dag_id)
    until(lambda: api.runs(dag_id), "the scheduled run")
    run = ended(api, dag_id, api.runs(dag_id)[0])
    assert run.run_type == "scheduled"
    assert clear(api, dag_id, run)["total_entries"] > 0
    assert ended(api, dag_id, run).state == run.state


@pytest.fixture(scope="module")
def champion(api: AirflowClient, waiting: DagRun) -> DagRun:
    api.unpause(TRAIN)
    run = api.trigger(TRAIN, conf={"period": str(AS_OF), "reason": "end to end"})
    succeeded(api, TRAIN, run)
    return run


def test_a_promoted_model_is_one_mail_and_one_call(champion, mailbox, hook):
    body = once(mailbox, hook, "promotion")
    assert body["subject"] == f"[airworthy] nervous {AS_OF}: version 1 promoted"
    assert "end to end" in body["text"]
    assert body["links"]["run"].endswith(f"/dags/{TRAIN}/runs/{quote(champion.run_id)}")


def test_a_scheduled_run_that_is_late_is_one_mail_and_one_call(api, waiting, mailbox, hook):
    body = once(mailbox, hook, "deadline", waiting)
    assert body["details"]["run"] == waiting.run_id
    assert body["subject"] == f"[airworthy] nervous {waiting.partition_key}: score missed its deadline"


def test_nothing_else_was_reported_in_all_that(api, waiting, mailbox, hook):
    # The failed task was cleared and failed again: two failures; of all else, one of each.
    subjects = [body["subject"] for body in hook.received]
    until(lambda: sorted(mailbox.subjects) == sorted(subjects), "as many mails as calls")
    assert len(subjects) == len(set(subjects)) + 1 == len({body["key"] for body in hook.received})


@pytest.fixture
def prometheus(shell: Shell, api: AirflowClient, tmp_path: Path) -> Iterator[str]:
    """The address of a real Prometheus that scrapes the instance with a token as the command prints it."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian's package prometheus)")
    printed = shell.run("token")
    assert printed.returncode == 0, printed.stderr
    (tmp_path / "token").write_text(printed.stdout)
    address, (port,) = shell.instance.airflow_url, free_ports(1)
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {
                "job_name": "airworthy",
                "metrics_path": "/airworthy/metrics",
                "authorization": {"credentials_file": str(tmp_path / "token")},
                "static_configs": [{"targets": [address.removeprefix("http://")]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    command = [
        "prometheus",
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(1200)


def value(address: str, query: str) -> float | None:
    """What Prometheus answers to a query; None for nothing."""
    try:
        asked = httpx.get(f"{address}/api/v1/query", params={"query": query}, trust_env=False, timeout=1200)
    except httpx.HTTPError:
        return None
    if asked.status_code != 200:  # 503 while it starts
        return None
    found = asked.json()["data"]["result"]
    return float(found[0]["value"][1]) if found else None


def test_a_real_prometheus_scrapes_with_a_token_of_a_user_who_may_only_look(champion, prometheus):
    until(lambda: value(prometheus, 'up{job="airworthy"}') == 1, "a scrape that succeeds")
    assert value(prometheus, 'airworthy_up{use_case="nervous"}') == 1
    assert value(prometheus, 'airworthy_measured{use_case="nervous"}') == 0
    assert value(prometheus, 'airworthy_champion_info{use_case="nervous", model_version="1"}') == 1


def test_the_metrics_are_for_those_who_are_logged_in_and_the_token_opens_nothing_else(shell, api):
    address, token = shell.instance.airflow_url, shell.run("token").stdout.strip()
    assert httpx.get(f"{address}/airworthy/metrics", trust_env=False, timeout=1200).status_code == 401
    mine = {"headers": {"Authorization": f"Bearer {token}"}, "trust_env": False, "timeout": 1200}
    answer = httpx.get(f"{address}/airworthy/metrics", **mine)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    run = {"logical_date": None, "conf": {"period": "2020-01-05"}}
    assert httpx.post(f"{address}/api/v2/dags/{DATA}/dagRuns", json=run, **mine).status_code == 403


@pytest.fixture(scope="module")
def refused(api: AirflowClient, hook: Hook) -> DagRun:
    """A day whose source was refused with every secret, reported to a webhook that refuses too, once."""
    dag_id = f"{GUARDED}__data"
    until(lambda: api.has_dag(dag_id), "the DAG of the guarded source")
    hook.status = 401
    api.unpause(dag_id)
    until(lambda: api.runs(dag_id), "the scheduled run")
    run = ended(api, dag_id, api.runs(dag_id)[0])
    until(lambda: of_guarded(hook), "the failure, which the webhook refuses")
    hook.status = 200
    clear(api, dag_id, run)
    until(lambda: len({body["key"] for body in of_guarded(hook)}) == 2, "the second failure")
    return ended(api, dag_id, run)


def of_guarded(hook: Hook) -> list[dict]:
    return [body for body in bodies(hook, "failure") if GUARDED in body["subject"]]


def test_every_planted_secret_is_really_used(refused, api, hook, upstream):
    keys = {each["X-Api-Key"] for each in upstream[0]}
    signed = " ".join(each["Authorization"] or "" for each in upstream[0])
    assert PLANTED["variable"] in keys
    assert "AKIACONNECTION" in signed and "AKIAENVIRONMENT" in signed
    assert {(each["Authorization"], each["X-Api-Key"]) for each in hook.headers} == {
        (f"Basic {BASIC}", PLANTED["header"])
    }
    assert refused.state == "failed"
    path = f"/dags/{GUARDED}__data/dagRuns/{refused.run_id}/taskInstances/ingest/logs/1"
    log = json.dumps(api.call("GET", path, params={"full_content": True}, headers={"Accept": "application/json"}))
    assert "asking with the Variable ***" in log and "asking with the Connection ***" in log
    assert "3 refusals" in log


def test_no_secret_is_written_down_anywhere_but_where_secrets_are_kept(champion, refused, shell, mailbox, hook):
    home, kept = shell.instance.home, shell.instance.home / "credentials"
    own = [value for file in kept.glob("*.json") for value in json.loads(file.read_text()).values()]
    wanted = [secret.encode() for secret in (*PLANTED.values(), BASIC, *own)]
    assert len(wanted) == len(PLANTED) + 1 + 5
    files = [path for path in home.rglob("*") if path.is_file() and kept not in path.parents]
    assert {"tasks", "lake", "mlflow", "airflow"} <= {part for path in files for part in path.relative_to(home).parts}
    found = {str(path.relative_to(home)): [s for s in wanted if s in path.read_bytes()] for path in files}
    assert not {path: secrets for path, secrets in found.items() if secrets}
    sent = [json.dumps(body) for body in hook.received] + [receivers.html_of(mail) for mail in mailbox.mails]
    assert not [text for text in sent for secret in wanted if secret.decode() in text]


def test_nothing_listens_but_on_this_machine_itself(shell, api):
    processes = [psutil.Process(pid) for pid in shell.living()]
    listening = {each.laddr for process in processes for each in process.net_connections() if each.status == "LISTEN"}
    assert {shell.instance.airflow_port, shell.instance.mlflow_port} <= {address.port for address in listening}
    assert {address.ip for address in listening} <= {"127.0.0.1", "::1"}


ACTIONS = [
    ("POST", f"/dags/{DATA}/dagRuns", {"logical_date": None, "conf": {"period": "2020-01-05"}}),
    ("PATCH", f"/dags/{DATA}", {"is_paused": True}),
    ("POST", f"/dags/{DATA}/clearTaskInstances", {"dry_run": False}),
    ("POST", "/variables", {"key": "a", "value": "b"}),
    ("POST", "/connections", {"connection_id": "a", "conn_type": "http"}),
    ("GET", "/connections", None),
    ("GET", "/variables", None),
    ("GET", "/config", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ACTIONS, ids=[f"{method} {path}" for method, path, _ in ACTIONS])
def test_a_viewer_may_not_act_and_an_unknown_user_may_not_look(shell, api, method, path, body):
    address, token = f"{shell.instance.airflow_url}/api/v2{path}", shell.run("token").stdout.strip()
    viewer = httpx.request(
        method, address, json=body, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    ).status_code
    assert (httpx.request(method, address, json=body, trust_env=False).status_code, viewer) == (401, 403)
