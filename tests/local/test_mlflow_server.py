"""MLflow alone, for one command: it runs until the command ends, with the store of the local services."""

from __future__ import annotations

import subprocess

import pytest

from include.local import health, mlflow_server
from include.local.errors import ServiceDiedError
from include.local.instance import Instance
from tests.contexts import Configure
from tests.local.conftest import Shell
from tests.refusals import raises


@pytest.fixture
def here(shell: Shell, configure: Configure) -> Shell:
    """The shell's variables, in this process."""
    instance = shell.instance
    ports = {"airflow_port": str(instance.airflow_port), "mlflow_port": str(instance.mlflow_port)}
    configure(home=instance.home, mlflow=None, **ports)
    return shell


@pytest.mark.slow
@pytest.mark.long
def test_it_answers_until_the_block_ends_and_a_second_command_uses_it(here):
    said: list[str] = []
    with mlflow_server.serve_mlflow(here.instance, said.append):
        assert health.is_mlflow_healthy(here.instance)
        with mlflow_server.serve_mlflow(here.instance, said.append):
            pass
        assert health.is_mlflow_healthy(here.instance), "the second did not stop it"
    assert said == ["Starting MLflow for this command …"]
    assert not health.is_mlflow_healthy(here.instance)
    assert (here.instance.home / "mlflow" / "mlflow.db").is_file()


def test_none_is_started_where_the_environment_names_one(here, configure: Configure):
    configure(mlflow="http://mlflow.example.org")
    with mlflow_server.serve_mlflow(here.instance, pytest.fail):
        pass


def test_a_server_that_ends_while_it_starts_is_an_error_with_its_last_lines(here):
    def start(instance: Instance) -> subprocess.Popen[bytes]:
        instance.log("mlflow").parent.mkdir(parents=True)
        instance.log("mlflow").write_text("no such table: runs")
        return subprocess.Popen(["false"])

    died = raises(ServiceDiedError, "MLflow", "no such table: runs", here.instance.log("mlflow"))
    with died, mlflow_server.serve_mlflow(here.instance, lambda _: None, start):
        pass
