"""A team's own repository from an empty folder, with this product as its pinned dependency, set up and run."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from include.cli import main
from include.settings import REPOSITORY
from tests.scaffold.ovens import write_ovens

pytestmark = [pytest.mark.slow, pytest.mark.long]

NEW = (
    "new burnt_bread --sample {0} --date baked_on --keys oven --label burnt --positive yes --known-before recipe,loaves"
)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def ports() -> dict[str, str]:
    return {"AIRWORTHY_AIRFLOW_PORT": free_port(), "AIRWORTHY_MLFLOW_PORT": free_port()}


def test_a_repository_is_set_up_checked_by_its_workflow_and_runs(tmp_path, lake_home, ports):
    folder, sample = tmp_path / "credit models", write_ovens(tmp_path / "ovens.csv")
    assert CliRunner().invoke(main.app, ["new", "--project", str(folder)]).exception is None
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRWORTHY_", "AIRFLOW_"))}
    environment |= ports | {"AIRWORTHY_SOURCE": str(REPOSITORY)}

    def say(*command: str) -> str:
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=3600)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "ci.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    assert steps == ["make setup", "make lint", "make test"]
    for step in steps:  # an empty repository passes its own workflow
        say("sh", "-c", step)
    say("make", "--silent", "airworthy", f"ARGS={NEW.format(sample)}")
    for step in steps[1:]:
        say("sh", "-c", step)
    try:
        say("make", "up")
        with urllib.request.urlopen(
            f"http://127.0.0.1:{ports['AIRWORTHY_AIRFLOW_PORT']}/api/v2/monitor/health"
        ) as answer:
            assert json.load(answer)["scheduler"]["status"] == "healthy"
        listed = say("make", "--silent", "airworthy", "ARGS=airflow dags list --output json")
        assert "burnt_bread__score" in listed
    finally:
        say("make", "down")
    changed = say("git", "status", "--short", "--untracked-files=all").split()
    assert not [path for path in changed if ".product" in path or ".airworthy" in path]
    assert Path(folder / ".product" / ".venv").is_dir()
