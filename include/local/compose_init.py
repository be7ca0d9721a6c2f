"""What must be there before the services of docker-compose.yaml start: `python -m include.local.compose_init`; with
`databases`, only the databases and their users, for a backup to be read into.

Databases and their users, buckets, migrations, the pool of trainings, Airflow's users. Made where it is missing, and
left as it is where it is there, so that it may run at each start. Everything is named by the environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from include.errors import AirworthyError
from include.local import already_prepared
from include.settings import TRAINING_POOL

DATABASES = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "MLFLOW_BACKEND_STORE_URI")
PLACES = (
    "AIRWORTHY_LAKE",
    "AIRWORTHY_DATA_DOCS",
    "MLFLOW_ARTIFACTS_DESTINATION",
    "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER",
)
USERS = {"admin": ("Admin", "AIRWORTHY_ADMIN_PASSWORD"), "prometheus": ("Viewer", "AIRWORTHY_VIEWER_PASSWORD")}
"""Role of each user, and the setting with its first password."""
AIRFLOW = (sys.executable, "-m", "airflow")
SECRETS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "AIRFLOW_DATABASE_PASSWORD",
    "MLFLOW_BACKEND_STORE_URI": "MLFLOW_DATABASE_PASSWORD",
    "AIRFLOW__CELERY__BROKER_URL": "REDIS_PASSWORD",
    "AIRWORTHY_POSTGRES": "POSTGRES_PASSWORD",
}
"""Addresses that docker-compose.yaml puts together, and the setting whose value is the password in each."""
_ADDRESS = re.compile(
    r"[a-z0-9+]+://[\w.-]*:(?:[\w.~=+-]|%[0-9A-Fa-f]{2})+@[\w.-]+(?::\d+)?(?:/[\w-]*)?(?:\?[^\s#]*)?", re.ASCII
)


class NotPreparedError(AirworthyError):
    """A step of the preparation failed; what it wrote stands above."""

    def __init__(self, step: str, status: int) -> None:
        super().__init__(f"{step} ended with status {status}; what it wrote stands above. Nothing after it was done.")


class OddPasswordError(AirworthyError):
    """A password has characters that an address misreads."""

    def __init__(self, setting: str, address: str) -> None:
        self.setting = setting
        super().__init__(
            f"{setting} in .env has a character with a meaning of its own in an address ({address}), or is empty. Use"
            " letters, digits and . _ - = only. If a database has been made with that password, docs/operate.md"
            " (Rotating a secret) says how to replace it."
        )


class PasswordRefusedError(AirworthyError):
    """PostgreSQL refuses its superuser's password."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"PostgreSQL refuses POSTGRES_PASSWORD of .env ({reason}). Its own is the one with which its volume was"
            f" made;"
            " docs/operate.md (Rotating a secret) says how to change it there."
        )


def prepare_services(environment: Mapping[str, str], *, only_databases: bool = False) -> None:
    """Prepare everything, or nothing where all is there.

    Raises:
        OddPasswordError, PasswordRefusedError: a setting of `.env` must be changed.
        NotPreparedError: a step failed. Else the database's or S3's own error.
    """
    refuse_odd_passwords(environment)
    if not only_databases and already_prepared.is_prepared(environment, USERS):
        make_buckets(environment[name] for name in PLACES)
        return
    if server := environment.get("AIRWORTHY_POSTGRES"):
        make_databases(server, [environment[name] for name in DATABASES])
    if only_databases:
        return
    make_buckets(environment[name] for name in PLACES)
    run_command([*AIRFLOW, "db", "migrate"])
    run_command([sys.executable, "-m", "mlflow", "db", "upgrade", environment["MLFLOW_BACKEND_STORE_URI"]])
    if subprocess.run([*AIRFLOW, "pools", "get", TRAINING_POOL], check=False, capture_output=True).returncode:
        run_command([*AIRFLOW, "pools", "set", TRAINING_POOL, "1", "One training at a time"])
    for name, (role, password) in USERS.items():
        make_user(name, role, environment[password])
    already_prepared.remember_prepared(environment)


def refuse_odd_passwords(environment: Mapping[str, str]) -> None:
    """Raise OddPasswordError for an address that the password within it breaks apart."""
    for name, setting in SECRETS.items():
        address = environment.get(name)
        if address is not None and not _ADDRESS.fullmatch(address):
            raise OddPasswordError(setting, name)


def make_databases(server: str, addresses: Iterable[str]) -> None:
    """For each address its user and its database, which that user alone may connect to.

    `server`: address of a database whose user is a superuser: others may not make one for any user.
    A user that is there gets the address's password.
    """
    import psycopg2
    from psycopg2 import sql

    try:
        connection = psycopg2.connect(server, connect_timeout=30)
    except psycopg2.OperationalError as error:
        if "authentication failed" not in str(error):
            raise
        raise PasswordRefusedError(str(error).strip().rpartition("FATAL:")[2].strip()) from None
    connection.autocommit = True  # a database cannot be made within a transaction
    try:
        with connection.cursor() as cursor:
            for address in addresses:
                parts = urlsplit(address)
                name, owner = parts.path.removeprefix("/"), unquote(parts.username or "")
                user = sql.Identifier(owner)
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [owner])
                verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
                cursor.execute(
                    sql.SQL("{} ROLE {} LOGIN PASSWORD %s").format(verb, user), [unquote(parts.password or "")]
                )
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                if not cursor.fetchone():
                    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), user))
                cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    finally:
        connection.close()


def make_buckets(places: Iterable[str]) -> None:
    """The bucket of each `s3://bucket/prefix` that has none yet; other places need nothing."""
    import boto3
    from botocore.exceptions import ClientError

    client: Any = boto3.client("s3")
    region = client.meta.region_name
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for bucket in sorted({urlsplit(place).netloc for place in places if place.startswith("s3://")}):
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                raise
            client.create_bucket(Bucket=bucket, **where)


def make_user(name: str, role: str, password: str) -> None:
    """A user of Airflow's FAB auth manager; one who is there keeps role and password."""
    actor = ["--username", name, "--role", role, "--firstname", name, "--lastname", "-", "--email", f"{name}@localhost"]
    # Airflow asks for the password twice; a command line could be read by others.
    run_command([*AIRFLOW, "users", "create", *actor], typed=f"{password}\n{password}\n")


def run_command(command: list[str], typed: str = "") -> None:
    """Runs a command to its end, however long a large database's migration takes. Raises NotPreparedError where it
    fails."""
    # A session of its own has no terminal: what is asked is answered from here.
    done = subprocess.run(command, check=False, input=typed, text=True, start_new_session=True)
    if done.returncode:
        raise NotPreparedError(" ".join(command[2:5]), done.returncode)


if __name__ == "__main__":
    try:
        prepare_services(os.environ, only_databases=sys.argv[1:] == ["databases"])
    except AirworthyError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is not set: docker-compose.yaml gives it, from the .env that `make env` writes.")
