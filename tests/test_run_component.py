"""config/run_component.py: an Airflow component uses its own folders on shared volumes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config import run_component
from include.settings import REPOSITORY

SCRIPT = REPOSITORY / "config" / "run_component.py"
HOST = socket.gethostname()


@pytest.fixture
def volumes(tmp_path: Path) -> tuple[Path, Path]:
    """A volume for temporary files, and one for logs."""
    return tmp_path / "scratch", tmp_path / "task logs"


def command(volumes: tuple[Path, Path], code: str, *arguments: str) -> list[str]:
    scratch, logs = map(str, volumes)
    asked = [sys.executable, str(SCRIPT), "--scratch", scratch, "--logs", logs]
    return [*asked, sys.executable, "-c", code, *arguments]


def run(volumes: tuple[Path, Path], code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(volumes, code), capture_output=True, text=True, env={**os.environ, **environment}, timeout=1200
    )


def older(path: Path, text: str = "", periods: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (then := time.time() - periods * run_component.DAY_S, then))
    return path


def test_the_command_gets_folders_of_its_host_and_its_status_is_handed_on(volumes):
    code = "import os, sys; print(os.environ['TMPDIR'], os.environ['AIRFLOW__LOGGING__BASE_LOG_FOLDER']); sys.exit(7)"
    done = run(volumes, code)
    scratch, logs = volumes
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.strip() == f"{scratch / HOST} {logs / HOST}"


def test_temporary_files_go_before_the_start_and_at_the_end_and_links_are_not_followed(volumes, tmp_path):
    mine, kept = volumes[0] / HOST, older(tmp_path / "elsewhere" / "kept")
    older(mine / "deep" / "part.parquet", "rows")
    (mine / "link").symlink_to(kept.parent)
    code = "import os, pathlib; f = pathlib.Path(os.environ['TMPDIR']); assert not [*f.iterdir()]; (f / 'new').touch()"
    assert run(volumes, code).returncode == 0
    assert [*mine.iterdir()] == [] and kept.exists()


def test_what_a_dead_container_left_is_removed_and_what_a_living_one_has_stays(volumes):
    dead = older(volumes[0] / "dead" / "airworthy-fetched-1" / "part.parquet", "rows")
    living = older(volumes[0] / "living" / "part.parquet", "rows")
    lock = run_component._locked(living.parent)
    assert run(volumes, "pass").returncode == 0
    assert not dead.parent.parent.exists() and living.exists()
    os.close(lock)
    assert run(volumes, "pass").returncode == 0
    assert not living.exists()


def test_two_containers_with_one_name_do_not_share_a_folder(volumes):
    with subprocess.Popen(
        command(volumes, "import sys; print(1, flush=True); sys.stdin.read()"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as first:
        first.stdout.readline()
        second = run(volumes, "pass")
        first.stdin.close()
    assert second.returncode == 1 and "is in use by another container" in second.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_ends_the_container_reaches_the_command(volumes, number):
    code = (
        "import signal as s, sys; s.signal(int(sys.argv[1]), lambda *_: sys.exit(5)); print(1, flush=True); s.pause()"
    )
    with subprocess.Popen(command(volumes, code, str(int(number))), stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(number)
        assert process.wait(1200) == 5


def test_a_log_that_was_sent_is_removed_after_a_day_and_one_that_was_not_stays(tmp_path):
    sent, today, unsent = (
        older(tmp_path / "dag_id=a" / "run_id=1" / "attempt=1.log", periods=2),
        older(tmp_path / "dag_id=a" / "run_id=2" / "attempt=1.log"),
        older(tmp_path / "dag_id=a" / "run_id=3" / "attempt=1.log", "it was killed", periods=2),
    )
    assert run_component.unsent(tmp_path, time.time() - run_component.DAY_S) == [unsent]
    assert (sent.exists(), today.exists(), unsent.exists()) == (False, True, True)


@pytest.mark.slow
def test_what_killed_tries_logged_is_sent_when_a_worker_starts_and_what_is_there_is_kept(volumes, bucket):
    import boto3

    name, where = bucket.removeprefix("s3://"), "dag_id=a/run_id=1/task_id=t"
    boto3.client("s3").put_object(Bucket=name, Key=f"tasks/{where}/attempt=2.log", Body=b"before\n")
    mine = older(volumes[1] / HOST / where / "attempt=1.log", "of this host")
    theirs = older(volumes[1] / "dead" / where / "attempt=2.log", "of a dead one")
    settings = {
        "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
        "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": f"{bucket}/tasks",
        "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "airworthy_s3",
        "AIRFLOW__LOGGING__DELETE_LOCAL_LOGS": "False",
        "AIRFLOW_CONN_AIRWORTHY_S3": '{"conn_type": "aws"}',
        "AIRFLOW_HOME": str(volumes[0].parent / "airflow"),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    # The command ends when both are sent.
    code = "import os, time\nwhile any(os.path.getsize(p) for p in os.environ['SENT'].split(':')): time.sleep(0.2)"
    done = run(volumes, code, SENT=f"{mine}:{theirs}", **settings)
    assert done.returncode == 0, done.stderr

    def sent(attempt: int) -> bytes:
        return boto3.client("s3").get_object(Bucket=name, Key=f"tasks/{where}/attempt={attempt}.log")["Body"].read()

    assert (sent(1), sent(2)) == (b"of this host", b"before\nof a dead one")
