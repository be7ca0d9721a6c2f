"""The environment variables of every local process."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from include import settings
from include.local import credentials, instance
from include.local.credentials import Credentials
from include.local.environment import service_environment
from include.local.errors import InvalidSettingError
from include.local.instance import Instance
from include.settings import Settings

HERE = Instance(Path("/home/of it"), 8081, 5001, "sqlite:////home/of it/airflow/airflow.db")
WHERE = Settings(Path("/home/of it"), "s3://bucket/lake", "http://elsewhere", "/docs", ("a.cases", "b.cases"))
SECRET = Credentials("password", "fernet", "secret", "jwt")


def variables(**base: str) -> dict[str, str]:
    return service_environment(HERE, WHERE, SECRET, base, cores=2, memory_bytes=8 * 10**9)


def test_another_airflow_of_this_machine_is_never_touched():
    found = variables(AIRFLOW_HOME="/other", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="postgresql://other")
    assert found["AIRFLOW_HOME"] == "/home/of it/airflow"
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == HERE.database


def test_what_the_caller_tunes_wins():
    assert variables()["AIRFLOW__CORE__PARALLELISM"] == "4"
    assert variables(AIRFLOW__CORE__PARALLELISM="7")["AIRFLOW__CORE__PARALLELISM"] == "7"
    assert variables(OMP_NUM_THREADS="2")["OMP_NUM_THREADS"] == "2"


def test_what_waits_is_left_to_the_triggerer_unless_the_caller_says_otherwise():
    option = "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE"
    assert (variables()[option], variables(**{option: "False"})[option]) == ("True", "False")


def test_where_data_and_use_cases_are_is_passed_on():
    found = variables()
    assert found["AIRWORTHY_LAKE"] == "s3://bucket/lake"
    assert found["AIRWORTHY_USE_CASE_PACKAGES"] == "a.cases,b.cases"
    assert found["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5001"


def test_mlflow_keeps_all_it_has_in_the_home_unless_it_is_set_otherwise(configure, tmp_path):
    found = variables()
    assert found["MLFLOW_BACKEND_STORE_URI"] == "sqlite:////home/of it/mlflow/mlflow.db"
    assert found["MLFLOW_ARTIFACTS_DESTINATION"] == "/home/of it/mlflow/artifacts"
    configure(
        home=tmp_path, mlflow_database="postgresql://user:secret@db/mlflow", mlflow_artifacts="s3://bucket/mlflow/"
    )
    found = service_environment(
        instance.current(), WHERE, SECRET, {"AWS_REGION": "eu-central-1"}, cores=2, memory_bytes=8 * 10**9
    )
    assert found["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg2://user:secret@db/mlflow"
    assert found["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://bucket/mlflow"
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "eu-central-1"


def test_services_listen_on_this_machine_only_and_no_proxy_comes_between_them():
    found = variables(NO_PROXY="intranet", HTTP_PROXY="http://proxy")
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
    assert found["NO_PROXY"] == found["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_the_log_of_a_task_is_for_its_owner_and_names_no_address_at_which_a_browser_sends_airflows_cookie():
    found = variables()
    kinds = ("FOLDER", "FILE")
    modes = [int(found[f"AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_{kind}_PERMISSIONS"], 8) for kind in kinds]
    assert [mode & 0o077 for mode in modes] == [0, 0]
    assert found["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "true"


def test_bytecode_is_kept_whatever_the_caller_wants():
    assert variables(PYTHONDONTWRITEBYTECODE="1")["PYTHONDONTWRITEBYTECODE"] == ""


def test_credentials_are_made_once_at_random_and_for_their_owner_only(tmp_path: Path):
    here, there = (Instance(tmp_path / name, 1, 2, "") for name in ("here", "there"))
    made = credentials.load_or_make(here)
    assert credentials.load_or_make(here) == made
    assert credentials.load_or_make(there).password != made.password
    files = list((here.home / "credentials").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert len(files) == 2


@pytest.mark.parametrize("address", ["postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d"])
def test_a_postgresql_address_is_used_with_the_driver_that_airflow_is_tested_with(configure, address: str):
    configure(database=address)
    assert instance.current().database == "postgresql+psycopg2://u:p@h/d"


@pytest.mark.parametrize("setting", ["database", "mlflow_database"])
def test_another_database_is_refused_without_telling_its_password(configure, setting: str):
    configure(**{setting: "mysql://root:hush@host/db"})
    with pytest.raises(InvalidSettingError) as refused:
        instance.current()
    assert refused.value.name == f"AIRWORTHY_{setting.upper()}"
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("port", ["none", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused_by_its_setting(configure, port: str):
    configure(airflow_port=port)
    with pytest.raises(InvalidSettingError) as refused:
        instance.current()
    assert refused.value.name == "AIRWORTHY_AIRFLOW_PORT"


def test_one_port_for_both_is_refused(configure):
    configure(airflow_port="5000", mlflow_port=None)
    with pytest.raises(InvalidSettingError) as refused:
        instance.current()
    assert refused.value.name == "AIRWORTHY_MLFLOW_PORT"


def test_all_state_is_under_one_folder_that_git_ignores(configure):
    configure(home=None, database=None)
    here = instance.current()
    assert here.home == settings.REPOSITORY / ".airworthy"
    assert here.sqlite is not None and here.sqlite.is_relative_to(here.home)
    assert ".airworthy/" in (settings.REPOSITORY / ".gitignore").read_text().split()
