"""include/local/compose_init.py: its refusals, and that it does nothing if everything exists."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local import already_prepared, compose_init
from include.local.compose_init import OddPasswordError, PasswordRefusedError
from tests.integration.backends import PostgreSQL
from tests.local.conftest import free_ports

PLACES = dict.fromkeys(compose_init.PLACES, "/somewhere")
ADDRESSES = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow:{}@postgres:5432/airflow",
    "MLFLOW_BACKEND_STORE_URI": "postgresql+psycopg2://mlflow:{}@postgres:5432/mlflow",
    "AIRFLOW__CELERY__BROKER_URL": "redis://:{}@redis:6379/0",
    "AIRWORTHY_POSTGRES": "postgresql://postgres:{}@postgres:5432/postgres",
}


@pytest.mark.parametrize("odd", ["a/b", "a#b", "a?b", "a@b", "a:b", "a b", "a%b", "ü", "a\\b", ""])
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_password_that_an_address_misreads_is_refused_by_the_name_of_its_setting(name, odd):
    with pytest.raises(OddPasswordError) as refused:
        compose_init.prepare_services({name: ADDRESSES[name].format(odd)})
    assert str(refused.value).startswith(f"{compose_init.SECRETS[name]} in .env")
    assert not odd or odd not in str(refused.value).replace(name, "")


@pytest.mark.parametrize("plain", ["a1", "a.b_c-d=e", "a%2Fb", "00ff"])
def test_other_passwords_pass(plain):
    compose_init.refuse_odd_passwords({name: address.format(plain) for name, address in ADDRESSES.items()})


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # pytest's own folders are closed to PostgreSQL, another user than root
        home, [port] = Path(folder), free_ports(1)
        home.chmod(0o711)
        found = PostgreSQL(home / "data", port, "right")
        found.start()
        yield found
        found.stop()


@pytest.fixture
def environment(server: PostgreSQL) -> dict[str, str]:
    here = {name: address.replace("postgres:5432", f"127.0.0.1:{server.port}") for name, address in ADDRESSES.items()}
    return {name: address.format("right") for name, address in here.items()} | PLACES


@pytest.mark.slow
def test_a_superuser_s_password_that_is_another_is_refused_with_the_way_to_change_it(environment):
    wrong = environment["AIRWORTHY_POSTGRES"].replace("right", "wrong")
    with pytest.raises(PasswordRefusedError, match="POSTGRES_PASSWORD"):
        compose_init.prepare_services(environment | {"AIRWORTHY_POSTGRES": wrong})


@pytest.mark.slow
def test_once_all_is_there_nothing_is_started_until_something_is_missing_or_changed(environment, server, monkeypatch):
    """Airflow's own tables are stood in for by those that are asked, so that no migration runs here."""
    assert not already_prepared.is_prepared(environment, compose_init.USERS)
    compose_init.prepare_services(environment, only_databases=True)
    airflow, mlflow = (environment[name] for name in compose_init.DATABASES)
    ask = already_prepared._ask
    for address in (airflow, mlflow):
        ask(address, "CREATE TABLE alembic_version (version_num text)")
        ask(address, "INSERT INTO alembic_version VALUES ('one')")
    ask(airflow, "CREATE TABLE slot_pool (pool text)")
    ask(airflow, "CREATE TABLE ab_user (username text)")
    ask(airflow, "INSERT INTO slot_pool VALUES ('training'), ('backfill')")
    ask(airflow, "INSERT INTO ab_user VALUES ('admin'), ('prometheus')")
    assert not already_prepared.is_prepared(environment, compose_init.USERS)
    already_prepared.remember_prepared(environment)
    assert already_prepared.is_prepared(environment, compose_init.USERS)

    monkeypatch.setattr(compose_init, "run_command", lambda *_, **__: pytest.fail("a process was started"))
    compose_init.prepare_services(environment)

    for changed, back in (
        (
            "UPDATE ab_user SET username = 'other' WHERE username = 'admin'",
            "UPDATE ab_user SET username = 'admin' WHERE username = 'other'",
        ),
        ("DELETE FROM slot_pool WHERE pool = 'backfill'", "INSERT INTO slot_pool VALUES ('training'), ('backfill')"),
        ("UPDATE alembic_version SET version_num = 'two'", "UPDATE alembic_version SET version_num = 'one'"),
    ):
        ask(airflow, changed)
        assert not already_prepared.is_prepared(environment, compose_init.USERS), changed
        ask(airflow, back)
    assert already_prepared.is_prepared(environment, compose_init.USERS)
    other = {
        name: value.replace("right", "changed") for name, value in environment.items() if name in compose_init.DATABASES
    }
    assert not already_prepared.is_prepared(environment | other, compose_init.USERS)
    wrong = environment["AIRWORTHY_POSTGRES"].replace("right", "wrong")
    with pytest.raises(PasswordRefusedError):
        compose_init.prepare_services(environment | {"AIRWORTHY_POSTGRES": wrong})
    monkeypatch.setattr(already_prepared, "fingerprint", lambda: "newer code")
    assert not already_prepared.is_prepared(environment, compose_init.USERS)
