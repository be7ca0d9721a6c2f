"""Declare where a feed's rows are, and when each became known.

Imports nothing heavy.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Literal, TypeAlias

from include.declaration import clock
from include.declaration.column_types import TIMESTAMP
from include.declaration.field_types import require_field_types
from include.declaration.known import ByColumn, ByPath, ByWindow, FirstSeen
from include.declaration.landing import GIGABYTE, LEAST_MEMORY, LandingBucket
from include.declaration.period import Period
from include.declaration.problems import declared, did_you_mean, require

FileFormat = Literal["csv", "parquet", "jsonl"]
FORMATS = ("csv", "parquet", "jsonl")
SIX_HOURS = timedelta(hours=6)
_BY_PATH, _BY_WINDOW = ByPath(), ByWindow()
PERIOD_TYPES = ("date32", TIMESTAMP)
"""Types of a column that says in which period a row became known."""
_DAYS = tuple(map(Period, ("2020-01-01", "2020-01-02", "2020-01-11", "2020-02-01", "2021-01-01")))
"""Periods whose paths must differ."""


@declared
@dataclass(frozen=True)
class Files:
    """Files on disk, on S3 or behind another address that fsspec opens."""

    path: str
    """A path or an address such as `s3://bucket/sales/{period:%Y/%m/%d}/*.csv`. A relative path begins in the use
    case's folder. `*` matches any characters of a name."""
    format: FileFormat = "csv"
    """csv (also `.csv.gz`, or `.zip` with one file in it), parquet, or jsonl: one JSON object in each line."""
    known: ByPath | ByColumn | FirstSeen = _BY_PATH
    """How a row's period is found."""
    conn_id: str = "aws_default"
    """Connection for S3. For another address than one of S3 or of the disk, its `extra` has the options of fsspec."""
    delimiter: str = ","
    nulls: tuple[str, ...] = ("",)
    """Unquoted CSV values that mean a missing value."""
    ignored_columns: tuple[str, ...] = ()
    """Columns of the files that are not read. Any other column that is not declared refuses a file."""
    max_bytes: int = 20 * GIGABYTE
    """Largest size of all files that a run reads, unpacked."""
    max_files: int = 10_000
    max_rows: int = 100_000_000
    """Largest number of rows in all files that a run reads."""
    max_memory: int = GIGABYTE
    """Bytes of memory of the process that reads the files; Python and Arrow take 150 MB of it."""
    max_time: timedelta = timedelta(minutes=15)
    """Longest time for reading one file."""
    wait: timedelta = SIX_HOURS
    """Time after a period's decision time until which its run waits for rows that are not there yet."""
    may_be_empty: bool = False
    """Whether a period without rows is complete, with known=ByColumn(…); otherwise its run waits, and then fails."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"Files({self.path!r}): "
        object.__setattr__(self, "nulls", tuple(self.nulls))
        known = f"format {self.format!r} is not one of {list(FORMATS)}."
        require(self.format in FORMATS, say + known, field="format", hint=did_you_mean(self.format, FORMATS))
        self._check_path(say)
        require(len(self.delimiter) == 1, say + "delimiter must be one character.", field="delimiter")
        plain = self.delimiter == "," and self.nulls == ("",)
        problem = "delimiter and nulls apply to csv only; leave them out."
        require(self.format == "csv" or plain, say + problem, field="format")
        for limit in ("max_bytes", "max_files", "max_rows"):
            require(getattr(self, limit) > 0, f"{say}{limit} must be above 0.", field=limit)
        problem = f"{say}max_memory must be at least {LEAST_MEMORY:,} bytes, the least for reading a file."
        require(self.max_memory >= LEAST_MEMORY, problem, field="max_memory")
        clock.require_wait(self.max_time, say + "max_time")
        clock.require_wait(self.wait, say + "wait")

    def _check_path(self, say: str) -> None:
        try:
            fields = {name for _, name, _, _ in string.Formatter().parse(self.path) if name is not None}
            paths = {self.path_of(period) for period in _DAYS} if fields <= {"period"} else set()
        except (ValueError, LookupError) as error:
            require(False, f"{say}the path cannot be read: {error}.", field="path")
            return
        require(bool(self.path.strip()), say + "name a file.", field="path")
        problem = "the path has names in braces other than {period}."
        if not require(fields <= {"period"}, say + problem, field="path"):
            return
        if isinstance(self.known, ByPath):
            hint = (
                "Name the period in the path, such as sales-{period:%Y-%m-%d}.csv; or declare"
                ' known=ByColumn("<column>") if a column says when a row became known, or known=FirstSeen().'
            )
            problem = "the path does not tell periods apart."
            require(len(paths) == len(_DAYS), say + problem, field="path", hint=hint)
        else:
            problem = f"the path names a period, and known={type(self.known).__name__}(…) finds it elsewhere."
            require(not fields, say + problem, field="known", hint="Leave out one of them.")

    def path_of(self, period: Period) -> str:
        """Return the path of the files that name a period."""
        return self.path.format(period=period)


WINDOW = frozenset({"start", "end", "start_date", "end_date"})
"""Parameters of a query: the instants (UTC) or the local dates from which and to which rows are read."""
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


def parameters_of(statement: str) -> frozenset[str]:
    """Return the names of a statement's parameters."""
    return frozenset(_PARAMETER.findall(statement))


def _parameters_shown() -> str:
    return ", ".join(f":{name}" for name in sorted(WINDOW))


@declared
@dataclass(frozen=True)
class Sql:
    """A table of a database, or the result of a query."""

    conn_id: str
    """Connection of the database."""
    table: str = ""
    """The name of a table or view, with its schema if needed: `sales` or `shop.sales`. The feed's columns are read."""
    query: str = ""
    """Instead of a table: a statement that returns the declared columns and no others. `:start` and `:end` are bound to
    the instants, `:start_date` and `:end_date` to the local dates of the period that is read; the end is excluded."""
    known: ByColumn | ByWindow | FirstSeen = _BY_WINDOW
    """How a row's period is found: by a column of the table, or by the query."""
    complete: str = ""
    """A statement whose only value says whether the period is complete, such as `select count(*) > 0 from loads where
    loaded_on = :end_date`; it has the parameters of `query`. Empty: a period with rows is complete."""
    wait: timedelta = SIX_HOURS
    """Time after a period's decision time until which its run waits for rows that are not there yet."""
    may_be_empty: bool = False
    """Whether a period without rows is complete; otherwise its run waits, and then fails."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"Sql({self.conn_id!r}): "
        require(bool(self.conn_id), say + "name the Connection.", field="conn_id")
        require(bool(self.table) != bool(self.query), say + "give a table or a query.", field="table")
        if self.table and isinstance(self.known, ByWindow):
            hint = (
                'Declare known=ByColumn("<column>") with the column that says when a row became known, or'
                " known=FirstSeen()."
            )
            require(False, say + "a table alone does not say when its rows became known.", field="known", hint=hint)
        if self.query:
            self._check_query(say)
        unknown = sorted(parameters_of(self.complete) - WINDOW)
        problem = f"{say}complete has the parameters {unknown}."
        require(not unknown, problem, field="complete", hint=f"Use {_parameters_shown()} alone.")
        clock.require_wait(self.wait, say + "wait")

    @property
    def parameters(self) -> frozenset[str]:
        """Return the names of the query's parameters."""
        return parameters_of(self.query)

    def _check_query(self, say: str) -> None:
        unknown = sorted(self.parameters - WINDOW)
        problem = f"{say}the query has the parameters {unknown}."
        hint = f"Use {_parameters_shown()} alone."
        require(not unknown, problem, field="query", hint=hint)
        require("{" not in self.query, say + "the query is not formatted.", field="query", hint=hint)
        if isinstance(self.known, ByWindow):
            pairs = ({"start", "end"}, {"start_date", "end_date"})
            problem = say + "the query does not say which period it reads."
            hint = "Write: where sold_at >= :start and sold_at < :end (or :start_date and :end_date for a date)."
            require(any(pair <= self.parameters for pair in pairs), problem, field="query", hint=hint)
        else:
            problem = f"{say}known={type(self.known).__name__}(…) needs a query without parameters."
            require(not self.parameters, problem, field="query")
            problem = say + "ByColumn needs a table; in a query, select the period by :start and :end."
            require(not isinstance(self.known, ByColumn), problem, field="known")


@declared
@dataclass(frozen=True)
class PageNumber:
    """Pages are numbered; the first page without records is behind the last one."""

    parameter: str = "page"
    """Parameter of the request with the number."""
    first: int = 1

    def __post_init__(self) -> None:
        require_field_types(self)
        require(bool(self.parameter), "PageNumber: name the parameter.", field="parameter")


@declared
@dataclass(frozen=True)
class NextPage:
    """Each answer says where the next page is; the last one does not."""

    field: str
    """Path to the value in the answer, such as `paging.next`."""
    parameter: str = ""
    """Parameter of the next request with that value; empty: the value is the address of the next page."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require(bool(self.field), "NextPage: name the field.", field="field")


@declared
@dataclass(frozen=True)
class Http:
    """Records of a web service that answers with JSON."""

    conn_id: str
    """Connection of the type HTTP: host, user and password, and headers in its `extra`."""
    endpoint: str
    """Path of the address, after the Connection's host."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the request. `{start}` and `{end}` in a value are replaced by the instants (UTC), `{start_date}`
    and `{end_date}` by the local dates of the period that is read; the end is excluded."""
    records: str = ""
    """Path to the list of records in the answer, such as `data.items`; empty: the answer is the list."""
    known: ByWindow | FirstSeen = _BY_WINDOW
    """How a row's period is found: by the request, or by the load that saw it first."""
    paging: PageNumber | NextPage | None = None
    requests_per_second: float = 5.0
    """Highest rate of requests."""
    ignored_columns: tuple[str, ...] = ()
    """Fields of the records that are not read. Any other field that is not declared refuses an answer."""
    max_pages: int = 10_000
    wait: timedelta = SIX_HOURS
    """Time after a period's decision time until which its run waits for rows that are not there yet."""
    may_be_empty: bool = False
    """Whether a period without rows is complete; otherwise its run waits, and then fails."""

    def __post_init__(self) -> None:
        require_field_types(self)
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        say = f"Http({self.conn_id!r}, {self.endpoint!r}): "
        require(bool(self.conn_id), say + "name the Connection.", field="conn_id")
        require("://" not in self.endpoint, say + "the host belongs into the Connection.", field="endpoint")
        require(self.requests_per_second > 0, say + "requests_per_second must be above 0.", field="requests_per_second")
        require(self.max_pages >= 1, say + "max_pages must be at least 1.", field="max_pages")
        clock.require_wait(self.wait, say + "wait")
        try:
            texts = [part for text in self.parameters.values() for part in string.Formatter().parse(text)]
        except ValueError as error:
            require(False, f"{say}a parameter cannot be read: {error}.", field="parameters")
            return
        named = {name for _, name, _, _ in texts if name is not None}
        unknown = sorted(named - WINDOW)
        hint = f"Use {', '.join('{' + name + '}' for name in sorted(WINDOW))} alone."
        require(not unknown, f"{say}the parameters name {unknown}.", field="parameters", hint=hint)
        if isinstance(self.known, ByWindow):
            problem = say + "the request does not say which period it reads."
            hint = 'Write: parameters={"from": "{start}", "to": "{end}"}, by the names of the service.'
            require(bool(named), problem, field="parameters", hint=hint)
        else:
            problem = say + "known=FirstSeen(…) needs a request without a period."
            require(not named, problem, field="parameters")


Source: TypeAlias = LandingBucket | Files | Sql | Http
"""What `Feed.source` may be."""


def require_source(source: object, columns: Mapping[str, str], say: str) -> None:
    """Report a source that does not fit the feed's columns."""
    known = getattr(source, "known", None)
    if not isinstance(known, ByColumn) or known.column not in columns:
        return
    kind, fitting = columns[known.column], [name for name, kind in columns.items() if kind in PERIOD_TYPES]
    problem = f"{say}ByColumn({known.column!r}) is {kind}; name a column of one of the types {list(PERIOD_TYPES)}."
    hint = did_you_mean(known.column, fitting) or (f"There is {fitting}." if fitting else "")
    require(kind in PERIOD_TYPES, problem, field="source.known", hint=hint)
