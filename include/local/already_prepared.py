"""Check without Airflow whether docker-compose.yaml's `init` can be skipped.

Airflow is not imported. `init` runs at every `docker compose up`, even if only a worker is added. Checking takes a
second; preparing starts five processes that import Airflow or MLflow. Airflow's database keeps the fingerprint of a
finished preparation and the versions of both schemas, so that newer code and a restored database are prepared again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from include.settings import REPOSITORY, machine_memory_gb, pools

DATABASES = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "MLFLOW_BACKEND_STORE_URI")


def fingerprint() -> str:
    """Return a digest of the locked libraries and of the code that prepares."""
    parts = [REPOSITORY / "requirements.txt", Path(__file__), Path(__file__).with_name("compose_init.py")]
    return hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()


def is_prepared(environment: Mapping[str, str], users: Iterable[str]) -> bool:
    """Return whether this code finished a preparation that still exists.

    Schemas, pool and users are checked. It connects to the databases as the services' users, and to the server as its
    superuser, so a changed password is prepared again, or refused.
    """
    import psycopg2

    if not environment.keys() >= set(DATABASES):
        return False  # the preparation reports which one is missing
    try:
        if server := environment.get("AIRWORTHY_POSTGRES"):
            _ask(server, "SELECT 1")  # refuse a wrong superuser password at once
        airflow = environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        [stored] = _ask(airflow, "SELECT made_by, schemas FROM airworthy_prepared")
        known_pools = {name for (name,) in _ask(airflow, "SELECT pool FROM slot_pool")}
        known = {name for (name,) in _ask(airflow, "SELECT username FROM ab_user")}
        is_known = known_pools >= set(pools(1, machine_memory_gb(environment))) and known >= set(users)
        return is_known and stored == (fingerprint(), schemas(environment))
    except (psycopg2.Error, ValueError):  # no database yet, no table, or no row of it
        return False


def remember_prepared(environment: Mapping[str, str]) -> None:
    """Store that a preparation has finished."""
    airflow = environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    _ask(airflow, "DROP TABLE IF EXISTS airworthy_prepared")
    _ask(airflow, "CREATE TABLE airworthy_prepared (made_by text NOT NULL, schemas text NOT NULL)")
    _ask(airflow, "INSERT INTO airworthy_prepared VALUES (%s, %s)", fingerprint(), schemas(environment))


def schemas(environment: Mapping[str, str]) -> str:
    """Return the versions of both schemas."""
    found = []
    for name in DATABASES:
        found += sorted(version for (version,) in _ask(environment[name], "SELECT version_num FROM alembic_version"))
    return " ".join(found)


def _ask(address: str, statement: str, *values: str) -> list[tuple[Any, ...]]:
    """Return the rows of one statement, run in its own connection."""
    import psycopg2

    connection = psycopg2.connect(address.replace("postgresql+psycopg2://", "postgresql://", 1), connect_timeout=30)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()
