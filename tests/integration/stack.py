"""All services of docker-compose.yaml as processes of this machine, each separated as in its container."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
from celery import Celery

from include.local import processes
from include.local.airflow_client import AirflowClient
from include.local.environment import MARK
from include.settings import REPOSITORY
from tests.end_to_end.conftest import until
from tests.integration import compose
from tests.integration.backends import PostgreSQL, Redis
from tests.local.conftest import free_ports
from tests.seaweedfs import SeaweedFS

SERVICE = "AIRWORTHY_SERVICE"
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
WORKERS = ("worker-1", "worker-2")
ALL = (*AIRFLOW, *WORKERS, "mlflow")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Stack:
    """PostgreSQL, Redis, SeaweedFS, MLflow, Airflow's components and two Celery workers, on loopback.

    Every process carries the home and its service's name in its environment, so that nothing is left at the end.
    """

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """What an operator writes into `.env` in addition to the secrets."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Variables of every service that are set here and not by compose."""

    def __post_init__(self) -> None:
        postgres, redis, s3, self.airflow_port, self.mlflow_port, self.health_port = free_ports(6)
        self.secrets = compose.dot_env(self.home)
        self.services = compose.read(REPOSITORY / "docker-compose.yaml", {**self.secrets, **self.settings})
        asked, password = self.services["postgres"].command[1:], self.secrets["POSTGRES_PASSWORD"]
        self.postgres = PostgreSQL(self.home / "postgres", postgres, password, asked)
        self.redis = Redis(self.home / "redis", redis, self.services["redis"].command[1:])
        self.s3 = SeaweedFS(self.home / "s3", s3, service=self.services["s3"])
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.revived: list[str] = []
        self.begun_logs: set[str] = set()
        """Logs of tries that had begun on the disk of a worker when it was killed."""

    def __enter__(self) -> Stack:
        try:
            for server in (self.postgres, self.redis, self.s3):
                server.start()
            self.prepare()
            self.start(*ALL)
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        processes.sweep(self.home)
        for process in self.running.values():
            process.wait(1200)
        for server, how in ((self.s3, signal.SIGKILL), (self.redis, signal.SIGKILL), (self.postgres, signal.SIGINT)):
            server.stop(how)

    def start(self, *names: str) -> None:
        """Start services that do not run."""
        for name in names:
            service = self.service(name)
            folder = self.home / name
            (folder / "tmp").mkdir(exist_ok=True, parents=True)
            with (folder / "log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    service.command,
                    cwd=folder,
                    env=service.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )

    def kill(self, name: str) -> None:
        """SIGKILL of all that runs in the service's container, and nothing is left of what it had in memory."""
        while living := self.processes(name):
            for process in living:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(living, 20)
        self.running.pop(name).wait(1200)
        for folder in ("lib", "tmp"):  # these are tmpfs
            shutil.rmtree(self.home / name / folder, ignore_errors=True)

    def revive(self) -> list[str]:
        """Start again what has ended by itself, as compose's restart policy does; the names."""
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        self.revived += ended
        self.start(*ended)
        return ended

    def processes(self, name: str) -> list[psutil.Process]:
        """The living processes of a service."""
        return [process for process in processes.marked_processes(self.home) if _service(process) == name]

    def wait(self, seconds: float = 1200) -> None:
        """Returns when every service works; AssertionError, with the log's end, for one that died."""
        missing: list[str] = []

        def ready() -> bool:
            for name, process in self.running.items():
                assert process.poll() is None, f"{name} died:\n{self.log(name)}"
            missing[:] = [name for name in ALL if name not in self.healthy()]
            return not missing

        try:
            until(ready, "the services", seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}: {missing} not ready") from None

    def healthy(self) -> set[str]:
        """The services that work."""
        found = {"mlflow"} if _get(f"{self.mlflow_url}/health") else set()
        said = json.loads(_get(f"{self.airflow_url}/api/v2/monitor/health") or "{}")
        if (said.get("metadatabase") or {}).get("status") == "healthy":
            found.add("api-server")
        for name in AIRFLOW[1:]:
            if (said.get(name.replace("-", "_")) or {}).get("status") == "healthy":
                found.add(name)
        return found | self._workers()

    def _workers(self) -> set[str]:
        """Asked over a connection of its own: Redis may have been restarted since the last time."""
        broker = self.service("worker-1").environment["AIRFLOW__CELERY__BROKER_URL"]
        with Celery(broker=broker) as app, app.connection_for_write() as connection:
            try:
                answers = app.control.ping(timeout=1, connection=connection)
            except (*connection.connection_errors, *connection.channel_errors):
                return set()
        return {name.partition("@")[2] for answer in answers for name in answer}

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    def api(self) -> AirflowClient:
        """Airflow's API as its administrator."""
        return AirflowClient(self.airflow_url, "admin", self.secrets["AIRWORTHY_ADMIN_PASSWORD"])

    def service(self, name: str) -> compose.Service:
        """What compose would run, moved to this machine."""
        found = self.services[name.partition("-1")[0].partition("-2")[0]].replaced(self._moved(name))
        command = list(found.command)
        command[0] = str(Path(sys.executable).parent / command[0])
        if name in WORKERS:
            command += ["--celery-hostname", name]
        if name in ("scheduler", "triggerer", *WORKERS):
            command.append("--skip-serve-logs")  # its server of logs listens on all addresses of the machine
        return compose.Service(tuple(command), {**_bare(), **found.environment, **self._here(name), **self.more})

    def _moved(self, name: str) -> dict[str, str]:
        """What is called otherwise here than in a container."""
        own = self.home / name
        return {
            "postgres:5432": f"127.0.0.1:{self.postgres.port}",
            "redis:6379": f"127.0.0.1:{self.redis.port}",
            "s3:8333": f"127.0.0.1:{self.s3.port}",
            "api-server:8080": f"127.0.0.1:{self.airflow_port}",
            "127.0.0.1:8080": f"127.0.0.1:{self.airflow_port}",
            "8080": str(self.airflow_port),
            "mlflow:5000": f"127.0.0.1:{self.mlflow_port}",
            "5000": str(self.mlflow_port),
            "0.0.0.0": "127.0.0.1",
            "/opt/airworthy": str(REPOSITORY),
            "/var/lib/airworthy": str(own / "lib"),
            "/var/log/airworthy": str(own / "logs"),
            "/tmp": str(own / "tmp"),
            "/var/tmp/airworthy": str(own / "scratch"),
        }

    def _here(self, name: str) -> dict[str, str]:
        """What makes a process of this machine one of this stack."""
        return {
            MARK: str(self.home),
            SERVICE: name,
            "TMPDIR": str(self.home / name / "tmp"),
            "AIRWORTHY_COMMIT": "tests",  # the image says which one it was made of
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.integration.hostname.get",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.health_port),
            "PYTHONDONTWRITEBYTECODE": "",
            "SPT_NOENV": "1",  # or setproctitle writes over the environment in which the mark is looked for
        }

    def prepare(self) -> None:
        """What the one-shot service does."""
        self.start("init")
        done = self.running.pop("init").wait(1200)
        assert done == 0, f"init ended with {done}:\n{self.log('init')}"

    def log(self, name: str) -> str:
        """The end of what a service has written."""
        return (self.home / name / "log").read_text(errors="replace")[-3000:]

    def places(self) -> dict[str, str]:
        """The variables by which a process finds lake, Data Docs and MLflow, and signs as the stack does."""
        wanted = ("AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS", "AIRWORTHY_SIGNING_KEYS", "AIRWORTHY_COMMIT")
        wanted += ("MLFLOW_TRACKING_URI",)
        there = self.service("worker-1").environment
        return {name: value for name, value in there.items() if name in wanted or name.startswith("AWS_")}

    def boto(self) -> Any:
        """A client of the S3 server."""
        there = self.places()
        return boto3.client(
            "s3",
            endpoint_url=there["AWS_ENDPOINT_URL"],
            region_name=there["AWS_REGION"],
            aws_access_key_id=there["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=there["AWS_SECRET_ACCESS_KEY"],
        )

    def files(self, bucket: str, prefix: str = "") -> list[str]:
        """The names of all that is in a bucket."""
        pages = self.boto().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", [])]

    def read(self, bucket: str, name: str) -> str:
        """A text file of a bucket."""
        text: str = self.boto().get_object(Bucket=bucket, Key=name)["Body"].read().decode()
        return text

    def listening(self) -> Iterator[tuple[str, int]]:
        """Address and port of everything that listens."""
        mine = [*processes.marked_processes(self.home)]
        mine += [psutil.Process(each.process.pid) for each in (self.postgres, self.redis, self.s3) if each.process]
        for process in mine:
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    yield connection.laddr.ip, connection.laddr.port


@contextlib.contextmanager
def running(**more: str) -> Iterator[Stack]:
    """A stack in a temporary folder whose name has a space; `more` are variables of every service. Nothing is left."""
    folder = Path(tempfile.mkdtemp(prefix="airworthy services "))
    folder.chmod(0o711)  # PostgreSQL is somebody else
    try:
        with Stack(folder, {"AIRWORTHY_USE_CASE_PACKAGES": "tests.integration.use_cases"}, more) as stack:
            yield stack
        assert not processes.marked_processes(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _service(process: psutil.Process) -> str | None:
    try:
        found: str | None = process.environ().get(SERVICE)
    except psutil.Error:  # it has ended meanwhile
        return None
    return found


def _bare() -> dict[str, str]:
    """Of this process's environment, what has nothing to do with any Airflow."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TZ", "USER") if name in os.environ}
    return kept | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])}


def _get(url: str) -> bytes | None:
    try:
        with _DIRECT.open(url, timeout=5) as answer:
            body: bytes = answer.read()
            return body
    except (OSError, ValueError):
        return None
