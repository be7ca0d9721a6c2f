"""A measured use case in a separate home, and Airflow's API server that shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from include.errors import FeedRefusedError
from include.settings import REPOSITORY
from tests import quarantined, toy
from tests.contexts import Configure
from tests.local.conftest import free_ports
from tests.web import detailed, measured
from tests.web.use_cases import counts, grades, quantile_counts

NUMBERS = range(195, 245)
"""The days that are measured: version 1 decays, is retrained in vain, then with success."""
LAST = measured.period_of(NUMBERS[-1])
VALIDATED_ON = LAST - 10
HOSTILE_VALUE = "<script>alert('row')</script>"
OTHER_TASKS = (counts.USE_CASE, quantile_counts.USE_CASE, grades.USE_CASE)
"""Use cases of the other tasks, with fewer days."""
USERS = {
    "ada": "admin",
    "otto": "op",
    "ursula": "user",
    "vera": "viewer",
    "norman": "",
    "tina": "viewer",
    "sven": "viewer",
    "gerda": "viewer",
}
"""Name, which is the password too, to role; Airflow lets somebody without one read nothing, and see picky.py."""
VALIDATED = """<!doctype html><link rel="stylesheet" href="https://cdn.invalid/style.css">
<style>h1 {color: #123456}</style>
<script src="https://cdn.invalid/script.js"></script><script>document.title = "it ran"</script><h1>Validated</h1>"""
"""As Great Expectations writes its pages: with styles of their own, and more from elsewhere."""


@pytest.fixture(scope="session")
def measured_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the toy use case was measured; never written to."""
    home = tmp_path_factory.mktemp("measured")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRWORTHY_HOME", str(home))
        patch.delenv("AIRWORTHY_LAKE", raising=False)
        measured.fill(toy.USE_CASE, NUMBERS, detailed.slice_rows)
        detailed.fill(home, NUMBERS[-3:])
        for other in OTHER_TASKS:
            measured.fill(other, NUMBERS[15:40])
        _validate(patch)
    for page in ("index.html", "events/2020-07-14__b2-0.html"):
        path = home / "data_docs" / "toy" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(VALIDATED)
    return home


def _validate(patch: pytest.MonkeyPatch) -> None:
    """Validate four days: published, with quarantined rows of hostile content, refused, not run, published."""
    quarantined.spoil(patch, "events", "kind", [HOSTILE_VALUE], VALIDATED_ON + 1)
    quarantined.spoil(patch, "events", "hour", [77, 78], VALIDATED_ON + 1)
    quarantined.spoil(patch, "events", "hour", [77] * 50, VALIDATED_ON + 2)
    quarantined.land("events", VALIDATED_ON, VALIDATED_ON + 1)
    with pytest.raises(FeedRefusedError):
        quarantined.land("events", VALIDATED_ON + 2)
    quarantined.land("events", VALIDATED_ON + 4)


@pytest.fixture
def at_home(measured_home: Path, configure: Configure) -> Path:
    """The measured home as this test's own settings say."""
    configure(home=measured_home, lake=None, data_docs=None, mlflow=None)
    return measured_home


@dataclass(frozen=True)
class Server:
    """Airflow's API server."""

    address: str
    log: Path

    def client(self, user: str | None = None) -> httpx.Client:
        """A client, logged in by the cookie that a browser has."""
        cookies = {}
        if user:
            login = {"username": user, "password": user}
            answer = httpx.post(f"{self.address}/auth/token", json=login, trust_env=False, timeout=1200)
            cookies = {"_token": answer.raise_for_status().json()["access_token"]}
        headers = {"Accept": "text/html"}
        return httpx.Client(base_url=self.address, cookies=cookies, headers=headers, trust_env=False, timeout=1200)


@pytest.fixture(scope="session")
def server(measured_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(measured_home, tmp_path_factory.mktemp("airflow")) as found:
        yield found


@contextmanager
def serve(shown: Path, home: Path, **more: str) -> Iterator[Server]:
    """Airflow's API server in `home`, whose page shows the home `shown`."""
    (port,) = free_ports(1)
    (home / "passwords.json").write_text(json.dumps({name: name for name in USERS}))
    options = {
        "CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__AUTH_MANAGER": "tests.web.picky.PickyAuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API_AUTH__JWT_SECRET": "for tests only, and long enough for the algorithm that signs with it, sixty-four",
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRWORTHY_", "AIRFLOW_", "MLFLOW_"))}
    env = inherited | {f"AIRFLOW__{name}": value for name, value in options.items()}
    env |= {
        "AIRFLOW_HOME": str(home),
        "AIRWORTHY_HOME": str(shown),
        "AIRWORTHY_SIGNING_KEYS": os.environ["AIRWORTHY_SIGNING_KEYS"],
        "AIRWORTHY_USE_CASE_PACKAGES": "tests.web.use_cases",
        "AIRWORTHY_FEATURE_GROUP_PACKAGES": "tests.sharing.feature_groups",
        "PYTHONPATH": str(REPOSITORY),
        **more,
    }
    with (home / "log").open("w") as log:
        command = [sys.executable, str(Path(__file__).with_name("serve.py")), str(port)]
        process = subprocess.Popen(command, env=env, cwd=home, stdout=log, stderr=subprocess.STDOUT)
    try:
        address, until = f"http://127.0.0.1:{port}", time.monotonic() + 1200
        while not _answers(f"{address}/api/v2/version"):
            assert process.poll() is None and time.monotonic() < until, (home / "log").read_text()[-3000:]
            time.sleep(0.2)
        yield Server(address, home / "log")
    finally:
        process.terminate()
        process.wait(1200)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).is_success
    except httpx.HTTPError:
        return False
