"""Provide connections to databases, HTTP services and S3 servers.

They are found by the names that a declaration gives.

The port of a project: `include.orchestration.airflow_connections` reads Airflow's Connections, and
`EnvironmentConnections` reads variables of the environment, for runs without Airflow. Imports nothing heavy.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from include.errors import AirworthyError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

PREFIXES = ("AIRWORTHY_CONN_", "AIRFLOW_CONN_")
"""Prefixes of the variables that hold a Connection, in the order of search."""
DEFAULT_AWS = "aws_default"
"""The Connection for S3 that need not exist: without it, boto3 finds credentials as usual."""
_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2"}
"""Type of a Connection to the driver of SQLAlchemy, where the type is not its name."""
_NO_HEADERS = frozenset({"timeout", "proxies", "proxy", "verify", "cert", "auth_type", "trust_env"})
"""Names in `extra` of an HTTP service that are options of Airflow's provider."""
SECRET = "***"  # noqa: S105  # nosec B105  # what replaces one


class ConnectionMissingError(AirworthyError):
    """There is no Connection of the declared name."""

    def __init__(self, conn_id: str, searched: str, remedy: str) -> None:
        self.conn_id, self.searched = conn_id, searched
        super().__init__(f"There is no Connection {conn_id!r}; it was searched in {searched}. {remedy}")


class ConnectionInvalidError(AirworthyError):
    """A Connection cannot be used. The text never has its value."""

    def __init__(self, conn_id: str, reason: str) -> None:
        self.conn_id, self.reason = conn_id, reason
        super().__init__(f"The Connection {conn_id!r} cannot be used: {reason}.")


@dataclass(frozen=True)
class Connection:
    """Address and credentials of a server."""

    conn_id: str
    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    """The database; of an HTTP service, `http` or `https`."""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def http_address(self, endpoint: str) -> str:
        """Return the address of an endpoint of an HTTP service, without credentials."""
        host = self.host if "://" in self.host else f"{self.schema or 'http'}://{self.host}"
        port = f":{self.port}" if self.port else ""
        return f"{host.rstrip('/')}{port}/{endpoint.lstrip('/')}"

    def http_headers(self) -> dict[str, str]:
        """Return the headers for an HTTP service.

        They are in `extra`, as for Airflow's provider.
        """
        return {name: text for name, text in self.extra.items() if isinstance(text, str) and name not in _NO_HEADERS}

    def hide_secrets(self, text: str) -> str:
        """Return a text with the password and long texts of `extra` replaced by asterisks."""
        hidden = [self.password, *(text for text in self.extra.values() if isinstance(text, str) and len(text) > 7)]
        secrets = {secret for text in hidden for secret in (text, quote(text, safe=""))} - {""}
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, SECRET)
        return text


class Connections(Protocol):
    """The connections of a project, by the id that a declaration names."""

    def connection(self, conn_id: str) -> Connection:
        """Return address and credentials.

        Raises:
            ConnectionMissingError: there is no such Connection.
            ConnectionInvalidError: it cannot be read.
        """

    def engine(self, conn_id: str) -> Engine:
        """Return an SQLAlchemy engine for a database; it connects at its first use.

        Raises:
            ConnectionMissingError: there is no such Connection.
            ConnectionInvalidError: it is not that of a database, or its driver is not installed.
        """

    def s3_client(self, conn_id: str, *, new: bool = False) -> Any:
        """Return a boto3 client for S3, the same one for each call in this process.

        `new` reads the Connection again, for a process that outlives its keys.

        Raises:
            ConnectionMissingError: there is no such Connection.
        """


class EnvironmentConnections:
    """Connections in variables of an environment, as Airflow writes them.

    A variable has a URI or JSON. The Connection `warehouse` is in AIRWORTHY_CONN_WAREHOUSE or AIRFLOW_CONN_WAREHOUSE.
    The environment is that of this process, unless another is given.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._clients: dict[tuple[int, str, str], Any] = {}

    def connection(self, conn_id: str) -> Connection:
        """Return address and credentials; see `Connections`."""
        names = [f"{prefix}{conn_id.upper()}" for prefix in PREFIXES]
        value = next(filter(None, map(self._environment.get, names)), "")
        if not value:
            example = "postgresql://user:password@host:5432/database"
            raise ConnectionMissingError(
                conn_id,
                f"the environment ({' and '.join(names)})",
                f"Add it: export {names[0]}='{example}', or the same in JSON. A run in Airflow reads Airflow's"
                " Connections instead.",
            )
        try:
            return _from_json(conn_id, value) if value.lstrip().startswith("{") else _from_uri(conn_id, value)
        except (ValueError, TypeError, KeyError) as error:
            reason = f"its variable has neither a URI nor JSON of a Connection ({type(error).__name__})"
            raise ConnectionInvalidError(conn_id, reason) from None  # the cause may quote the password

    def engine(self, conn_id: str) -> Engine:
        """Return an engine for a database; see `Connections`."""
        return make_engine(self.connection(conn_id))

    def s3_client(self, conn_id: str, *, new: bool = False) -> Any:
        """Return a client for S3; see `Connections`."""
        values = [self._environment.get(f"{prefix}{conn_id.upper()}") for prefix in PREFIXES]
        key = (os.getpid(), conn_id, repr(values))
        if new or key not in self._clients:  # a client created before a fork may hang after it
            self._clients[key] = self._new_client(conn_id)
        return self._clients[key]

    def _new_client(self, conn_id: str) -> Any:
        import boto3

        from include.lake.s3_retries import patient_config

        try:
            connection = self.connection(conn_id)
        except ConnectionMissingError:
            if conn_id != DEFAULT_AWS:
                raise
            connection = Connection(conn_id, "aws")
        extra = connection.extra
        session = boto3.session.Session(
            aws_access_key_id=connection.login or None,
            aws_secret_access_key=connection.password or None,
            aws_session_token=extra.get("aws_session_token"),
            region_name=extra.get("region_name"),
        )
        return session.client("s3", endpoint_url=extra.get("endpoint_url"), config=patient_config())


def make_engine(connection: Connection) -> Engine:
    """Return an SQLAlchemy engine for a database, by the type of its Connection.

    Raises:
        ConnectionInvalidError: it is not that of a database, or its driver is not installed.
    """
    import sqlalchemy

    try:
        return sqlalchemy.create_engine(_database_url(connection), poolclass=sqlalchemy.NullPool)
    except (sqlalchemy.exc.ArgumentError, ImportError) as error:
        reason = connection.hide_secrets(str(error)).rstrip(".")
        raise ConnectionInvalidError(connection.conn_id, f"{reason}. Its type is {connection.conn_type!r}") from None


def _from_json(conn_id: str, value: str) -> Connection:
    values = json.loads(value)
    extra = values.get("extra") or {}
    return Connection(
        conn_id,
        str(values["conn_type"]),
        host=str(values.get("host") or ""),
        port=int(values["port"]) if values.get("port") else None,
        login=str(values.get("login") or ""),
        password=str(values.get("password") or ""),
        schema=str(values.get("schema") or ""),
        extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
    )


def _from_uri(conn_id: str, value: str) -> Connection:
    parts = urlsplit(value)
    if not re.fullmatch(r"[a-zA-Z][\w+.-]*", parts.scheme):
        raise ValueError("no type")
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra |= json.loads(extra.pop("__extra__"))
    return Connection(
        conn_id,
        parts.scheme,
        host=unquote(parts.hostname or ""),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path[1:]),
        extra=extra,
    )


def _database_url(connection: Connection) -> URL:
    """Return the address for SQLAlchemy; a file of SQLite is opened only if it exists."""
    from sqlalchemy import URL

    driver = _DRIVERS.get(connection.conn_type, connection.conn_type)
    if driver.partition("+")[0] == "sqlite":
        file = f"file:{quote(connection.schema or connection.host)}"
        return URL.create(driver, database=file, query={"mode": "rw", "uri": "true"})
    return URL.create(
        driver,
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query={name: text for name, text in connection.extra.items() if isinstance(text, str)},
    )
