"""The real services, started and stopped as a user does it. Three starts in all: each takes half a minute."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from include.lake import signing
from include.local import credentials, health
from include.local.airflow_client import AirflowClient
from include.local.instance import SERVICES, Instance
from tests.conftest import SIGNING_KEY
from tests.local.conftest import Shell, free_ports, make_shell

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shell(tmp_path_factory) -> Iterator[Shell]:
    """An instance in a folder whose name has a space; up or down as the test before has left it."""
    found = make_shell(tmp_path_factory.mktemp("services") / "a home", AIRWORTHY_SIGNING_KEYS=SIGNING_KEY)
    yield found
    found.run("down")


@pytest.fixture
def running(shell: Shell) -> Shell:
    done = shell.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    return shell


def api(instance: Instance) -> AirflowClient:
    return AirflowClient(instance.airflow_url, credentials.USER, credentials.load_or_make(instance).password)


def wait_for_no_process(shell: Shell, seconds: float = 1200) -> None:
    end = time.monotonic() + seconds
    while shell.living():
        assert time.monotonic() < end, f"still alive: {shell.living()}"
        time.sleep(0.1)


def test_up_ends_when_every_service_works_and_says_how_to_log_in(shell: Shell):
    done = shell.run("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert health.is_healthy(shell.instance, shell.report()) == frozenset(SERVICES)
    password = credentials.load_or_make(shell.instance).password
    for shown in (shell.instance.airflow_url, shell.instance.mlflow_shown, f"admin / {password}"):
        assert shown in done.stdout


def test_pools_have_a_slot_for_trainings_half_of_the_slots_for_backfills_and_one_for_each_gb(running: Shell):
    pools = {pool["name"]: pool["slots"] for pool in api(running.instance).call("GET", "/pools")["pools"]}
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 0.75 / 1e9
    assert {name: pools[name] for name in ("training", "backfill")} == {
        "training": 1,
        "backfill": min(os.cpu_count() or 1, 16),
    }
    assert pools["memory"] == int(memory_gb)


def test_no_example_is_among_the_dags(running: Shell):
    listed = api(running.instance).call("GET", "/dags")["dags"]
    assert not [dag["dag_id"] for dag in listed if dag["dag_id"].startswith("example_")]


def test_mlflow_answers_with_its_database_in_the_home(running: Shell):
    query = urllib.request.Request(
        f"{running.instance.mlflow_url}/api/2.0/mlflow/experiments/search",
        data=json.dumps({"max_results": 1}).encode(),
        headers={"Content-Type": "application/json"},
    )
    assert json.load(urllib.request.urlopen(query))["experiments"][0]["name"] == "Default"
    with sqlite3.connect(running.instance.home / "mlflow" / "mlflow.db") as connection:
        assert connection.execute("SELECT count(*) FROM experiments").fetchone() == (1,)


def test_mlflow_alone_gets_no_signing_key(running: Shell):
    """It writes nothing that is signed, and others reach it without a login."""
    has_key = {
        name: signing.VARIABLE in psutil.Process(service.pid).environ()
        for name, service in running.report().services.items()
    }
    assert has_key == {name: name != "mlflow" for name in SERVICES}


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux tells which libraries a process has loaded")
def test_the_scheduler_alone_has_the_heavy_libraries_in_memory(running: Shell):
    def has_lightgbm(service: str) -> bool:
        maps = psutil.Process(running.report().services[service].pid).memory_maps()
        return any("lightgbm" in each.path for each in maps)

    assert has_lightgbm("scheduler")
    assert not has_lightgbm("triggerer")


def test_status_shows_each_service_with_its_address(running: Shell):
    lines = [line.split() for line in running.run("status").stdout.splitlines()]
    assert {line[0]: line[1] for line in lines[1:]} == dict.fromkeys(SERVICES, "healthy")
    assert running.instance.mlflow_shown in lines[-1]


def test_up_when_up_says_so_and_changes_nothing(running: Shell):
    before = running.report()
    done = running.run("up")
    assert "Already up" in done.stdout
    assert running.report() == before


def test_a_second_instance_on_the_same_port_is_refused_in_one_line(running: Shell, tmp_path: Path):
    port = running.instance.airflow_port
    other = make_shell(tmp_path, AIRWORTHY_AIRFLOW_PORT=str(port))
    done = other.run("up", AIRWORTHY_AIRFLOW_PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port} for Airflow is taken" in done.stderr
    assert "AIRWORTHY_AIRFLOW_PORT=" in done.stderr
    assert other.living() == []
    assert health.is_healthy(running.instance, running.report()) == frozenset(SERVICES)


def test_up_after_the_supervisor_was_killed_removes_what_was_left_and_starts_again(running: Shell):
    os.kill(running.report().supervisor, signal.SIGKILL)
    left = set(running.living())
    assert left
    done = running.run("up")
    assert "killed run" in done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    assert not left & set(running.living())


def test_sigterm_to_the_supervisor_leaves_no_process(running: Shell):
    os.kill(running.report().supervisor, signal.SIGTERM)
    wait_for_no_process(running)
    assert "stopped" in running.run("status").stdout


def test_down_when_down_says_so(shell: Shell):
    assert "was running" in shell.run("down").stdout


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL that runs as somebody else than root, as it insists on."""
    found = shutil.which("initdb") or next(
        iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))), None
    )
    if found is None:
        pytest.skip("there is no initdb: install PostgreSQL (Debian: apt-get install postgresql)")
    real = next(iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))), found)
    binaries = Path(real).parent
    actor = {"user": "nobody"} if os.getuid() == 0 else {}
    folder, [port] = Path(tempfile.mkdtemp(prefix="pg")), free_ports(1)
    if actor:
        shutil.chown(folder, "nobody")
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "airworthy", "--auth=trust", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **actor)
    command = [binaries / "postgres", "-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-k", folder]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **actor)
    try:
        address = f"postgresql://airworthy:hush@127.0.0.1:{port}/postgres"
        wait_for_port(port)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(1200)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_port(port: int, seconds: float = 1200) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < end, f"no process listens on {port}"
            time.sleep(0.1)
        else:
            return


def test_airflow_keeps_its_metadata_in_postgresql_when_set_to(postgres: str, tmp_path: Path):
    shell = make_shell(tmp_path, AIRWORTHY_DATABASE=postgres)
    try:
        done = shell.run("up")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "hush" not in done.stdout
        with psycopg2.connect(postgres) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT slots FROM slot_pool WHERE pool = 'training'")
            assert cursor.fetchone() == (1,)
        assert not (shell.instance.airflow_home / "airflow.db").exists()
    finally:
        shell.run("down")
    assert shell.living() == []
