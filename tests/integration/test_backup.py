"""*Backing up* and *Restoring* of docs/operate.md: after everything was destroyed, the backup restores it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking._tracking_service import utils as tracking_utils

from include.declaration.period import period_range
from include.evaluation import evaluate
from include.features import build
from include.ingestion import ingest, validate, validation_report
from include.local import processes
from include.project import open_project
from include.promotion import promote, register
from include.registry import sync
from include.registry.ledger import Ledger
from include.registry.mlflow_registry import Registry
from include.reproduction import reproduce
from include.scoring import score
from include.training import train
from tests.conftest import draw_nothing
from tests.end_to_end.conftest import until
from tests.integration.backends import program
from tests.integration.conftest import TOY
from tests.integration.stack import Stack, _get
from tests.integration.walk import Tables

pytestmark = [pytest.mark.integration, pytest.mark.timeout(3600, method="signal")]

DATABASES = ("airflow", "mlflow")
SECRET = "hunter2"
USE_CASE = TOY.use_case


@contextmanager
def stores(home: Path) -> Iterator[Stack]:
    """PostgreSQL and S3 of a stack whose other services do not run yet."""
    home.chmod(0o711)
    stack = Stack(home, {"AIRWORTHY_USE_CASE_PACKAGES": "tests.integration.use_cases"})
    try:
        for server in (stack.postgres, stack.s3):
            server.start()
        yield stack
    finally:
        processes.sweep(home)
        stack.__exit__()


def start_mlflow(stack: Stack) -> None:
    stack.start("mlflow")
    until(lambda: _get(f"{stack.mlflow_url}/health") is not None, "MLflow")


def say(stack: Stack, *command: str) -> str:
    """What `airflow …` or another command of a service's environment prints."""
    there = stack.service("init")
    done = subprocess.run(
        [there.command[0], "-m", *command], env=there.environment, capture_output=True, text=True, timeout=12000
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def live() -> None:
    """Some days of a model's life, in this process, in the stores that the environment names."""
    for period in period_range(TOY.first, TOY.last):
        ingest.ingest_period(open_project(USE_CASE), period)
        validate.validate_period(open_project(USE_CASE), period)
        build.build_features(open_project(USE_CASE), period)
    run_id = train.train_model(open_project(USE_CASE), TOY.as_of, reason="a first model").run_id
    evaluate.evaluate_run(open_project(USE_CASE), run_id)
    assert promote.promote_version(
        open_project(USE_CASE), register.register_run(open_project(USE_CASE), run_id).version, actor="a test"
    ).promoted
    for period in period_range(TOY.as_of, TOY.last):
        score.score_period(open_project(USE_CASE), period)


def postgres(stack: Stack, tool: str, database: str, file: Path) -> None:
    """pg_dump or pg_restore of one database."""
    address = f"postgresql://postgres:{stack.secrets['POSTGRES_PASSWORD']}@127.0.0.1:{stack.postgres.port}/{database}"
    how = ["--format=custom", f"--file={file}"] if tool == "pg_dump" else ["--exit-on-error", str(file)]
    subprocess.run([program(tool), f"--dbname={address}", *how], check=True, capture_output=True, timeout=1200)


def back_up(stack: Stack, folder: Path) -> None:
    for database in DATABASES:
        postgres(stack, "pg_dump", database, folder / f"{database}.dump")
    client = stack.boto()
    for bucket in client.list_buckets()["Buckets"]:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"]):
            for each in page.get("Contents", []):
                file = folder / "s3" / bucket["Name"] / each["Key"]
                file.parent.mkdir(parents=True, exist_ok=True)
                client.download_file(bucket["Name"], each["Key"], str(file))


def restore(stack: Stack, folder: Path) -> None:
    say(stack, "include.local.compose_init", "databases")
    for database in DATABASES:
        postgres(stack, "pg_restore", database, folder / f"{database}.dump")
    client = stack.boto()
    for bucket in sorted((folder / "s3").iterdir()):
        client.create_bucket(Bucket=bucket.name)
        for file in sorted(path for path in bucket.rglob("*") if path.is_file()):
            client.upload_file(str(file), bucket.name, file.relative_to(bucket).as_posix())


def state() -> tuple[Tables, list[Any]]:
    """What the tables hold, and the ledger, held against the registry."""
    registry, ledger = Registry(USE_CASE), Ledger.open(USE_CASE)
    return TOY.tables(), sync.verified_entries(registry, ledger)


def use(stack: Stack, patch: pytest.MonkeyPatch) -> None:
    tracking_utils._artifact_repos_cache.clear()  # MLflow remembers, by the run's id alone, where its artifacts were
    for name, value in stack.places().items():
        patch.setenv(name, value)


@pytest.fixture
def folders() -> Iterator[tuple[Path, Path, Path]]:
    """Homes before and after, and between them the backup."""
    made = [Path(tempfile.mkdtemp(prefix="airworthy backup ")) for _ in range(3)]
    yield made[0], made[1], made[2]
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)


def test_what_was_backed_up_and_destroyed_comes_back_whole(folders, monkeypatch):
    draw_nothing(monkeypatch)
    before, backup, after = folders
    with stores(before) as stack:
        stack.prepare()
        start_mlflow(stack)
        use(stack, monkeypatch)
        live()
        expected = state()
        say(stack, "airflow", "connections", "add", "kept", "--conn-uri", f"http://ada:{SECRET}@example.org")
        back_up(stack, backup)
        shutil.copy(before / ".env", after)
    shutil.rmtree(before)

    with stores(after) as stack:
        restore(stack, backup)
        stack.prepare()  # as the next start does; it finds everything there
        start_mlflow(stack)
        use(stack, monkeypatch)
        assert state() == expected
        assert expected[0]["predictions"]
        assert len(expected[1]) == 1
        assert reproduce.reproduce_version(open_project(USE_CASE), "1").outcome == "equal"
        assert (open_project(USE_CASE).root / validation_report.FOLDER).names()
        [kept] = json.loads(say(stack, "airflow", "connections", "get", "kept", "--output", "json"))
        assert kept["password"] == SECRET  # by the key of .env alone
        printed = say(stack, "airflow", "users", "list", "--output", "json")
        users = json.loads(printed[printed.index("[{") :])  # warnings stand before it
        assert {user["username"] for user in users} == {"admin", "prometheus"}
