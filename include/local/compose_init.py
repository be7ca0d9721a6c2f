"""Prepare docker-compose.yaml's services.

Call: `python -m include.local.compose_init [databases]`. Creates databases and their users, buckets, pools
and Airflow's users, and runs the migrations; existing ones are not changed, so it may run at each start. With
`databases`, it creates only the databases and their users, to restore a backup into. The environment names everything.
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
from include.settings import machine_memory_gb, pools

DATABASES = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "MLFLOW_BACKEND_STORE_URI")
PLACES = (
    "AIRWORTHY_LAKE",
    "AIRWORTHY_DATA_DOCS",
    "MLFLOW_ARTIFACTS_DESTINATION",
    "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER",
)
USERS = {"admin": ("Admin", "AIRWORTHY_ADMIN_PASSWORD"), "prometheus": ("Viewer", "AIRWORTHY_VIEWER_PASSWORD")}
"""User to role and the setting with the initial password."""
AIRFLOW = (sys.executable, "-m", "airflow")
SECRETS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "AIRFLOW_DATABASE_PASSWORD",
    "MLFLOW_BACKEND_STORE_URI": "MLFLOW_DATABASE_PASSWORD",
    "AIRFLOW__CELERY__BROKER_URL": "REDIS_PASSWORD",
    "AIRWORTHY_POSTGRES": "POSTGRES_PASSWORD",
}
"""Addresses that docker-compose.yaml composes, and the setting with the password of each."""
_ADDRESS = re.compile(
    r"[a-z0-9+]+://[\w.-]*:(?:[\w.~=+-]|%[0-9A-Fa-f]{2})+@[\w.-]+(?::\d+)?(?:/[\w-]*)?(?:\?[^\s#]*)?", re.ASCII
)


class NotPreparedError(AirworthyError):
    """A step of the preparation failed; its output is above."""

    def __init__(self, step: str, status: int) -> None:
        self.step, self.status = step, status
        super().__init__(f"{step} ended with status {status}; its output is above. The steps after it were not run.")


class OddPasswordError(AirworthyError):
    """A password has characters with a special meaning in an address."""

    def __init__(self, setting: str, address: str) -> None:
        self.setting = setting
        super().__init__(
            f"{setting} in .env has a character with a special meaning in an address ({address}), or is empty. Use"
            " letters, digits and . _ - = only. If a database was created with that password, docs/operate.md"
            " (Rotating a secret) describes how to replace it."
        )


class PasswordRefusedError(AirworthyError):
    """PostgreSQL refuses its superuser's password."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"PostgreSQL refuses POSTGRES_PASSWORD of .env ({reason}). It keeps the password with which its volume was"
            " created; docs/operate.md (Rotating a secret) describes how to change it."
        )


def prepare_services(environment: Mapping[str, str], *, only_databases: bool = False) -> None:
    """Prepare everything that is missing.

    Errors of the database and of S3 are raised as they are.

    Raises:
        OddPasswordError: a password in `.env` breaks an address.
        PasswordRefusedError: PostgreSQL refuses a password in `.env`.
        NotPreparedError: a step failed.
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
    at_once, memory_gb = int(environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"]), machine_memory_gb(environment)
    for name, (slots, description) in pools(at_once, memory_gb).items():
        if subprocess.run([*AIRFLOW, "pools", "get", name], check=False, capture_output=True).returncode:
            run_command([*AIRFLOW, "pools", "set", name, str(slots), description])
    for name, (role, password) in USERS.items():
        make_user(name, role, environment[password])
    already_prepared.remember_prepared(environment)


def refuse_odd_passwords(environment: Mapping[str, str]) -> None:
    """Check that no password breaks its address.

    Raises:
        OddPasswordError: a password does.
    """
    for name, setting in SECRETS.items():
        address = environment.get(name)
        if address is not None and not _ADDRESS.fullmatch(address):
            raise OddPasswordError(setting, name)


def make_databases(server: str, addresses: Iterable[str]) -> None:
    """Create the user and database of each address.

    Only that user may connect to the database. An existing user gets the address's password.

    Args:
        server: address of a database as a superuser.
        addresses: addresses of the databases.
    """
    import psycopg2
    from psycopg2 import sql

    try:
        connection = psycopg2.connect(server, connect_timeout=30)
    except psycopg2.OperationalError as error:
        if "authentication failed" not in str(error):
            raise
        raise PasswordRefusedError(str(error).strip().rpartition("FATAL:")[2].strip()) from None
    connection.autocommit = True  # a database cannot be created within a transaction
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
    """Create the missing bucket of each `s3://bucket/prefix`; ignore other places."""
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
    """Create a user of Airflow's FAB auth manager.

    An existing one keeps role and password.
    """
    actor = ["--username", name, "--role", role, "--firstname", name, "--lastname", "-", "--email", f"{name}@localhost"]
    # Airflow asks for the password twice; on the command line other accounts could read it.
    run_command([*AIRFLOW, "users", "create", *actor], typed=f"{password}\n{password}\n")


def run_command(command: list[str], typed: str = "") -> None:
    """Run a command to its end, without a time limit.

    Migrations of a large database are slow.

    Raises:
        NotPreparedError: the command failed.
    """
    # A new session has no terminal, so questions are answered from `typed`.
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
