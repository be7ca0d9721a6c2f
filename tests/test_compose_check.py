"""`make compose-check` itself: clear errors if it cannot run, and an exit status that follows its findings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from include.settings import REPOSITORY
from tests.refusals import raises

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())
FOLDER = REPOSITORY / ".ci"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "compose_check"]:
        del sys.modules[name]


def test_where_no_engine_can_be_had_it_fails_and_says_why(tmp_path: Path):
    """Neither Docker nor Debian's tools are on the PATH."""
    done = subprocess.run(
        [sys.executable, "-m", "compose_check"],
        env={"PATH": str(tmp_path), "PYTHONPATH": str(FOLDER), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("compose-check: CANNOT RUN, nothing was checked: no Docker engine answers")


def programs(folder: Path, **scripts: str) -> dict[str, str]:
    """An environment whose PATH has these programs alone, each with its script."""
    for name, script in scripts.items():
        program = folder / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return {"PATH": str(folder)}


def test_somebody_who_is_not_root_is_advised_what_to_do(tmp_path: Path):
    from compose_check import errors, packages

    debian = programs(tmp_path, apt_get="exit 1", dpkg_deb="exit 1")
    with raises(errors.CannotRunError, lacks="root"):
        packages.install_missing("nothing answers: one is brought", debian, user=1000, keyring=REPOSITORY / "LICENSE")


def test_an_engine_that_does_not_answer_is_brought_from_packages_on_debian_alone(tmp_path: Path):
    from compose_check import engine, errors

    with raises(errors.CannotRunError, lacks="Debian"):
        engine.find_engine(tmp_path, tmp_path, programs(tmp_path, docker="exit 1"))


def test_an_engine_without_compose_is_named_as_such(tmp_path: Path):
    from compose_check import engine, errors

    with raises(errors.CannotRunError, lacks="docker compose"):
        engine.find_engine(tmp_path, tmp_path, programs(tmp_path, docker='[ "$1" = info ]'))


def test_the_target_needs_no_development_environment():
    makefile = (REPOSITORY / "Makefile").read_text()
    [line] = [line for line in makefile.splitlines() if line.startswith("compose-check:")]
    assert line.split("##")[0].strip() == "compose-check:"
    standard = set(sys.stdlib_module_names) | {"compose_check"}
    for path in sorted((FOLDER / "compose_check").glob("*.py")):
        imported = {
            line.split()[1].split(".")[0]
            for line in path.read_text().splitlines()
            if line.startswith(("import ", "from "))
        }
        assert imported <= standard, path.name


def test_every_image_that_is_not_ours_is_found_and_has_a_substitute():
    from compose_check import images

    expected = {
        name: service["image"] for name, service in COMPOSE["services"].items() if "@sha256:" in service["image"]
    }
    named = images.named_images(REPOSITORY)
    assert named.pop("base").startswith("python:3.11")
    assert named == expected
    assert set(images.SERVICES) == set(expected)
    assert all((images.HERE / name / "Dockerfile").exists() for name in expected)


def test_substitutes_replace_the_images_and_nothing_else():
    from compose_check.images import Images

    override = yaml.safe_load(Images("base:1", {"redis": "redis:mine"}).override(REPOSITORY))["services"]
    assert override["redis"].pop("image") == "redis:mine"
    assert override["redis"].pop("pull_policy") == "never"
    assert override.pop("init") == {"build": {"args": {"BASE": "base:1"}}}
    assert override == yaml.safe_load(Images().override(REPOSITORY))["services"]


def test_every_service_with_a_health_check_gets_time_on_a_busy_machine():
    from compose_check.images import Images

    watched = {name for name, service in COMPOSE["services"].items() if "test" in service["healthcheck"]}
    override = yaml.safe_load(Images().override(REPOSITORY))["services"]
    assert {name: set(given) for name, given in override.items()} == {name: {"healthcheck"} for name in watched}


@pytest.mark.parametrize("heading", ["Backing up", "Restoring"])
def test_the_commands_that_are_run_are_those_of_the_page(heading: str):
    from compose_check import stack

    commands = stack.documented_commands(REPOSITORY / "docs" / "operate.md", heading)
    assert len(commands) >= 5
    assert all(command.startswith("docker ") for command in commands)


def test_a_page_without_the_commands_is_a_failure(tmp_path: Path):
    from compose_check import errors, stack

    page = tmp_path / "page.md"
    page.write_text("## One\n\nWords.\n\n## Two\n\n```\n# a comment\ndocker compose up\n```\n")
    assert stack.documented_commands(page, "Two") == ["docker compose up"]
    with raises(errors.CommandsMissingError, page="page.md", heading="One", is_there=True):
        stack.documented_commands(page, "One")
    with raises(errors.CommandsMissingError, page="page.md", heading="Three", is_there=False):
        stack.documented_commands(page, "Three")


def test_after_an_essential_check_that_failed_the_rest_is_not_run(tmp_path: Path):
    from compose_check import report
    from compose_check.errors import CheckFailedError

    def fail(context: object) -> str:
        raise CheckFailedError("it is not there")

    def pass_(context: object) -> str:
        return "seen"

    context: Any = SimpleNamespace(sampler=SimpleNamespace(usage={}), measured={"size": "1 MB"})
    results: list[report.Result] = []
    checks = [
        report.Check("first", fail),
        report.Check("second", pass_),
        report.Check("third", fail, essential=True),
        report.Check("fourth", pass_),
    ]
    report.run_checks(checks, context, results)
    assert [result.outcome for result in results] == ["failed", "passed", "failed", "not run"]
    assert "1 passed, 2 failed, 1 not run" in report.table(results)
    report.write_json(tmp_path / "results.json", results, context, {"commit": "abc"})
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["passed"] is False
    assert written["checks"][0]["detail"] == "it is not there"


FOUND = {
    **{f"s3:{port}": "refused" for port in (8888, 9333, 8080, 18888)},
    "s3:8333 write": "403",
    "s3:8333 list": "403",
    "mlflow:5000": "200",
    "mlflow:5000 another name": "403",
    "redis:6379": "-NOAUTH Authentication required.",
    "postgres:5432": "R 10",
}


@pytest.mark.parametrize(
    "changed",
    [
        {"s3:8888": "open"},
        {"s3:8333 write": "200"},
        {"mlflow:5000 another name": "200"},
        {"redis:6379": "+PONG"},
        {"postgres:5432": "R 0"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_store_that_answers_without_keys_is_a_complaint(changed: dict[str, str]):
    from compose_check import storage

    assert storage._complaints(FOUND) == []
    assert len(storage._complaints(FOUND | changed)) == 1


def test_the_threads_of_this_process_are_read_from_its_control_group():
    from compose_check import sampler

    if not Path("/sys/fs/cgroup").is_dir():
        pytest.skip("no control groups here")
    assert "/sys/fs/cgroup" in str(sampler.group(os.getpid(), "pids"))
