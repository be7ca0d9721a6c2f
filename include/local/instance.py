"""Describe one local instance: a folder of state, two ports and a database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include import settings
from include.local.errors import InvalidSettingError

SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer", "mlflow")
"""The programs of config/supervisord.conf, in the order in which they are shown."""

_SQLALCHEMY_POSTGRES = "postgresql+psycopg2://"


@dataclass(frozen=True)
class Instance:
    """One installation.

    Instances with different homes and ports run independently of each other.
    """

    home: Path
    airflow_port: int
    mlflow_port: int
    database: str
    """SQLAlchemy address of Airflow's metadata."""
    mlflow_database: str = ""
    """SQLAlchemy address of MLflow's runs and versions; empty: a file in the home."""
    mlflow_artifacts: str = ""
    """Where MLflow keeps models and plots, a folder or `s3://bucket/prefix`; empty: a folder in the home."""

    @property
    def airflow_url(self) -> str:
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def mlflow_url(self) -> str:
        return f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def mlflow_shown(self) -> str:
        """Return MLflow's address for a browser.

        Its host name differs from Airflow's, whose cookie it must not get.
        """
        return f"http://localhost:{self.mlflow_port}"

    @property
    def airflow_home(self) -> Path:
        return self.home / "airflow"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def state_file(self) -> Path:
        """Return the file into which the supervisor writes the state of its services."""
        return self.home / "run" / "services.json"

    @property
    def sqlite(self) -> Path | None:
        """Return the file of the metadata database, if it is SQLite."""
        return Path(self.database.removeprefix("sqlite:///")) if self.database.startswith("sqlite:///") else None

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"


def current() -> Instance:
    """Return the instance that the environment names.

    Raises:
        InvalidSettingError: a port or a database address is invalid.
    """
    env, home = os.environ, settings.current_settings().home
    airflow_port, mlflow_port = _port(env, "AIRWORTHY_AIRFLOW_PORT", 8080), _port(env, "AIRWORTHY_MLFLOW_PORT", 5000)
    if airflow_port == mlflow_port:
        raise InvalidSettingError("AIRWORTHY_MLFLOW_PORT", str(mlflow_port), "a port other than that of Airflow's API")
    return Instance(
        home,
        airflow_port,
        mlflow_port,
        database=_database("AIRWORTHY_DATABASE", env) or f"sqlite:///{home}/airflow/airflow.db",
        mlflow_database=_database("AIRWORTHY_MLFLOW_DATABASE", env),
        mlflow_artifacts=settings.storage_setting("AIRWORTHY_MLFLOW_ARTIFACTS", home / "mlflow" / "artifacts"),
    )


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name) or str(default)
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise InvalidSettingError(name, value, "a port number from 1 to 65535")
    return int(value)


def _database(name: str, env: Mapping[str, str]) -> str:
    """Return the address in a variable, for psycopg2; empty if it is not set.

    SQLAlchemy 2.1 uses psycopg 3 for a plain `postgresql://`, but Airflow is tested with psycopg2.
    """
    value = env.get(name)
    if not value:
        return ""
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in ("postgresql", "postgres", "postgresql+psycopg2"):
        shown = f"{scheme}://…" if separator else "…"  # an address may hold a password
        raise InvalidSettingError(name, shown, "postgresql://user:password@host:port/database, or nothing")
    return _SQLALCHEMY_POSTGRES + rest
