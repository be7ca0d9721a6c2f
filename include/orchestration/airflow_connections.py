"""Read Airflow's Connections for a project's sources and exports.

Imports nothing heavy, because DAG files import it through their tasks.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from include.connections import (
    DEFAULT_AWS,
    Connection,
    ConnectionInvalidError,
    ConnectionMissingError,
    Connections,
    make_engine,
)
from include.declaration.use_case import UseCase
from include.project import DataProject, Project

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from include.declaration.data_declaration import DataDeclaration

_SEARCHED = "Airflow (secrets backends, environment and database)"


class AirflowConnections:
    """Airflow's Connections: see `include.connections.Connections`."""

    def connection(self, conn_id: str) -> Connection:
        """Return address and credentials."""
        found = _find(conn_id)
        return Connection(
            conn_id,
            found.conn_type or "",
            host=found.host or "",
            port=found.port,
            login=found.login or "",
            password=found.password or "",
            schema=found.schema or "",
            extra=found.extra_dejson,
        )

    def engine(self, conn_id: str) -> Engine:
        """Return an engine whose connections are those of the Connection's DB-API hook.

        Without the provider of the database, it is SQLAlchemy's own.
        """
        from sqlalchemy import NullPool

        connection = self.connection(conn_id)
        try:
            hook = _find(conn_id).get_hook()
            engine: Engine = hook.get_sqlalchemy_engine({"poolclass": NullPool})
        except (AirflowException, ImportError, AttributeError, NotImplementedError, ValueError) as error:
            with contextlib.suppress(ConnectionInvalidError):
                return make_engine(connection)
            reason = f"{type(error).__name__}: {connection.hide_secrets(str(error))}".rstrip(".: ")
            kind = f"Its type is {connection.conn_type!r}: install the provider of that database"
            raise ConnectionInvalidError(conn_id, f"{reason}. {kind}") from None
        return engine

    def s3_client(self, conn_id: str, *, new: bool = False) -> Any:
        """Return a client for S3."""
        return (_client.__wrapped__ if new else _client)(os.getpid(), conn_id)


CONNECTIONS: Connections = AirflowConnections()


def open_project(use_case: UseCase) -> Project:
    """Return the context of a use case with Airflow's Connections.

    Nothing is opened before it is used.
    """
    return Project(use_case, connections=CONNECTIONS)


def open_data_project(declared: DataDeclaration) -> DataProject:
    """Return the context of a use case or a feature group with Airflow's Connections.

    Nothing is opened before it is used.
    """
    return open_project(declared) if isinstance(declared, UseCase) else DataProject(declared, connections=CONNECTIONS)


def _find(conn_id: str) -> Any:
    try:
        return AirflowConnection.get(conn_id)
    except AirflowNotFoundException:
        remedy = (
            "Add it in Airflow under Admin, Connections, or by: airflow connections add"
            f" {conn_id} --conn-uri '<type>://<user>:<password>@<host>:<port>/<database>'."
        )
        raise ConnectionMissingError(conn_id, _SEARCHED, remedy) from None


@functools.lru_cache(maxsize=8)
def _client(process: int, conn_id: str) -> Any:  # noqa: ARG001  # a client created before a fork may hang after it
    """Return a client for S3, one per process.

    The Connection has the keys, the region and the endpoint.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    from include.lake.s3_retries import patient_config

    if conn_id != DEFAULT_AWS:  # the hook would use other credentials for a missing Connection
        _find(conn_id)
    hook = S3Hook(aws_conn_id=conn_id)
    return hook.get_client_type(region_name=hook.region_name, config=hook.config.merge(patient_config()))
