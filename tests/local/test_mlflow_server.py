"""MLflow alone, for one command: it runs until the command ends, with the store of the local services."""

from __future__ import annotations

import subprocess

import pytest

from include.local import health, mlflow_server
from include.local.errors import ServiceDiedError
from tests.contexts import Configure
from tests.local.conftest import Shell


@pytest.fixture
def here(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The shell's variables, in this process."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in shell.env.items():
        if name.startswith("AIRWORTHY_"):
            monkeypatch.setenv(name, value)
    return shell


@pytest.mark.slow
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


def test_a_server_that_ends_while_it_starts_is_an_error_with_its_last_lines(here, monkeypatch):
    monkeypatch.setattr(mlflow_server, "_start", lambda _: subprocess.Popen(["false"]))
    with pytest.raises(ServiceDiedError), mlflow_server.serve_mlflow(here.instance, lambda _: None):
        pass
