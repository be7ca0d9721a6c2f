"""Declare where predictions are delivered after scoring.

Imports nothing heavy.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from include.declaration.field_types import require_field_types
from include.declaration.period import Period
from include.declaration.problems import declared, did_you_mean, require

EXPORT_FORMATS = ("csv", "parquet")
_DAYS = tuple(map(Period, ("2020-01-01", "2020-01-02", "2020-01-11", "2020-02-01", "2021-01-01")))
"""Periods whose files must differ."""


@declared
@dataclass(frozen=True)
class ToSql:
    """Deliver predictions to a table.

    The rows of the period are replaced in one transaction.
    """

    conn_id: str
    """Connection of the database."""
    table: str
    """The name of the table, with its schema if needed. A missing table is created."""
    period_column: str = "period"
    """Column of the table with the key of the period, a text such as 2013-04-01."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"ToSql({self.conn_id!r}, {self.table!r}): "
        require(bool(self.conn_id), say + "name the Connection.", field="conn_id")
        require(bool(self.table), say + "name the table.", field="table")
        require(bool(self.period_column), say + "name the column of the period.", field="period_column")

    @property
    def target(self) -> str:
        """Return the name of the destination."""
        return f"table {self.table} in the Connection {self.conn_id}"


@declared
@dataclass(frozen=True)
class ToFiles:
    """Deliver predictions as one file for each period, which appears as a whole."""

    path: str
    """An absolute path or an address on S3, with the period: `s3://bucket/predictions/{period:%Y-%m-%d}.csv`."""
    format: Literal["csv", "parquet"] = "csv"
    conn_id: str = "aws_default"
    """Connection for S3."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"ToFiles({self.path!r}): "
        known = f"format {self.format!r} is not one of {list(EXPORT_FORMATS)}."
        hint = did_you_mean(self.format, EXPORT_FORMATS)
        require(self.format in EXPORT_FORMATS, say + known, field="format", hint=hint)
        try:
            fields = {field for _, field, _, _ in string.Formatter().parse(self.path) if field is not None}
            paths = {self.path_of(period) for period in _DAYS} if fields == {"period"} else set()
        except (ValueError, LookupError) as error:
            require(False, f"{say}the path cannot be read: {error}.", field="path")
            return
        hint = "Name the period in the path, such as /srv/predictions/{period:%Y-%m-%d}.csv."
        problem = "the path does not tell periods apart, or has other names in braces."
        require(len(paths) == len(_DAYS), say + problem, field="path", hint=hint)
        absolute = self.path.startswith(("/", "s3://"))
        require(absolute, say + "write an absolute path or an address on S3.", field="path")

    def path_of(self, period: Period) -> str:
        """Return the path of a period's file."""
        return self.path.format(period=period)

    @property
    def target(self) -> str:
        """Return the name of the destination."""
        return f"files {self.path}"


@declared
@dataclass(frozen=True)
class Webhook:
    """Deliver predictions to an HTTP service, as POST requests with JSON."""

    conn_id: str
    """Connection of the type HTTP: host, user and password, and headers in its `extra`."""
    endpoint: str = ""
    """Path of the address, after the Connection's host."""
    rows_per_request: int = 1_000

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"Webhook({self.conn_id!r}): "
        require(bool(self.conn_id), say + "name the Connection.", field="conn_id")
        problem = say + "rows_per_request must be at least 1."
        require(self.rows_per_request >= 1, problem, field="rows_per_request")

    @property
    def target(self) -> str:
        """Return the name of the destination."""
        return f"webhook {self.endpoint} in the Connection {self.conn_id}"


Export: TypeAlias = ToSql | ToFiles | Webhook
"""A destination of predictions."""


def name_of_export(export: Export) -> str:
    """Return the name of the folder with the receipts of a destination."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", export.target).strip("_.")


def require_exports(exports: Sequence[Export], columns: Collection[str]) -> None:
    """Report destinations that collide with each other or with prediction columns."""
    names = [name_of_export(export) for export in exports]
    same = sorted({export.target for export in exports if names.count(name_of_export(export)) > 1})
    require(not same, f"{same} are written by several exports.", field="exports", hint="Leave out all but one.")
    for number, export in enumerate(exports):
        if isinstance(export, ToSql):
            taken = {name.casefold() for name in columns}
            problem = f"period_column={export.period_column!r} is a column of the predictions, too."
            is_free = export.period_column.casefold() not in taken
            require(is_free, problem, field=f"exports[{number}].period_column", hint="Name another one.")
