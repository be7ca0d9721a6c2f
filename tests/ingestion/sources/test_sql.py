"""Tables and queries of SQLite and of a real PostgreSQL become the rows of a period."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from include.connections import ConnectionInvalidError, ConnectionMissingError, EnvironmentConnections
from include.declaration.period import Period
from include.ingestion.sources import adbc, sql
from include.ingestion.sources.base import (
    Context,
    NotDeliveredError,
    SourceColumnsError,
    SourceRefusedError,
    SourceUnavailableError,
)
from include.orchestration.airflow_connections import AirflowConnections
from include.project import Project
from include.use_case import ByColumn, FirstSeen, Sql
from tests import postgres as servers

COLUMNS = {"id": "int64", "shop": "string", "amount": "float64", "open": "bool", "sold_on": "date32", "at": "timestamp"}
# Europe/Berlin: 29 March 2020 has 23 hours, from 28 March 23:00 to 29 March 22:00 UTC.
SALES = [
    (1, "north", 1.5, True, "2020-03-28", "2020-03-28 22:59:59"),
    (2, None, None, None, "2020-03-29", "2020-03-28 23:00:00"),
    (3, "o'neill", 2.0, False, "2020-03-29", "2020-03-29 21:59:59"),
    (4, "south", 4.25, True, "2020-03-30", "2020-03-29 22:00:00"),
]
SECOND = {
    "id": 2,
    "shop": None,
    "amount": None,
    "open": None,
    "sold_on": date(2020, 3, 29),
    "at": datetime(2020, 3, 28, 23, tzinfo=UTC),
}


@dataclass
class Database:
    """A database with the table `sales`, reached through the Connection `warehouse`."""

    say: Callable[..., Any]
    table: str


def sqlite(tmp_path: Path, configure: Any) -> Database:
    file = tmp_path / "shop.db"

    def say(statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement, values)

    configure.connections(warehouse=f"sqlite:///{file}")
    say("create table sales (id integer, shop text, amount real, open boolean, sold_on date, at timestamp, more text)")
    for row in SALES:
        say("insert into sales values (?, ?, ?, ?, ?, ?, 'x')", *row)
    return Database(say, "sales")


def postgresql(server: Any, configure: Any) -> Database:
    configure.connections(warehouse=servers.address(server))
    schema = f"s{uuid.uuid4().hex}"
    server.say(f"create schema {schema}")
    server.say(
        f"create table {schema}.sales (id bigint, shop text, amount numeric(10, 2), open boolean, sold_on date,"
        " at timestamp with time zone, more jsonb)"
    )
    for number, shop, amount, is_open, period, at in SALES:
        words = "null" if shop is None else "'" + shop.replace("'", "''") + "'"
        values = f"{number}, {words}, {amount or 'null'}, {'null' if is_open is None else is_open}, '{period}', '{at}Z'"
        server.say(f"insert into {schema}.sales values ({values}, '{{}}')")
    return Database(server.say, f"{schema}.sales")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path, configure: Any) -> Database:
    if request.param == "sqlite":
        return sqlite(tmp_path, configure)
    return postgresql(request.getfixturevalue("postgres"), configure)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def test_a_table_delivers_the_rows_of_the_local_day_that_has_ended(declare, land, database):
    by_time = declare(Sql("warehouse", table=database.table, known=ByColumn("at")), columns=COLUMNS)
    assert [ids(land(by_time, f"2020-03-{period}")) for period in (29, 30, 31)] == [[1], [2, 3], [4]]
    assert land(by_time, "2020-03-30")[0] == SECOND


def test_a_period_is_read_when_the_database_says_that_it_is_complete(declare, land, database):
    complete = f"select count(*) > 0 from {database.table} where sold_on = :end_date"
    use_case = declare(Sql("warehouse", table=database.table, known=ByColumn("at"), complete=complete), columns=COLUMNS)
    assert ids(land(use_case, "2020-03-30")) == [2, 3]
    with pytest.raises(NotDeliveredError, match="`complete`") as refused:
        land(use_case, "2020-03-31")
    assert (refused.value.feed, refused.value.period) == ("sales", Period("2020-03-31"))
    database.say(f"insert into {database.table} (id, sold_on, at) values (5, '2020-03-31', '2020-03-31 12:00:00')")
    assert ids(land(use_case, "2020-03-31")) == [4]


def test_a_period_without_rows_is_refused_unless_it_may_be_empty(declare, land, database):
    source = Sql("warehouse", table=database.table, known=ByColumn("at"))
    with pytest.raises(NotDeliveredError) as refused:
        land(declare(source, columns=COLUMNS), "2020-04-10")
    assert not refused.value.retryable, "its wait has been over for years"
    assert land(declare(replace(source, may_be_empty=True), columns=COLUMNS), "2020-04-10") == []


def test_a_date_selects_local_days(declare, land, database):
    source = Sql("warehouse", table=database.table, known=ByColumn("sold_on", delay_periods=0))
    assert ids(land(declare(source, columns=COLUMNS), "2020-03-29")) == [2, 3]
    without = {name: kind for name, kind in COLUMNS.items() if name != "sold_on"}
    assert ids(land(declare(source, columns=without), "2020-03-28")) == [1]


def test_a_query_gets_the_window_as_bound_parameters(declare, land, database):
    where = {"start": "at >= :start and at < :end", "date": "sold_on >= :start_date and sold_on < :end_date"}
    for words in where.values():
        query = f"select id, shop from {database.table} where {words} and shop <> 'a:b'"
        use_case = declare(Sql("warehouse", query=query), columns={"id": "int64", "shop": "string"})
        assert land(use_case, "2020-03-30") == [{"id": 3, "shop": "o'neill"}]


def test_a_table_that_is_not_there_is_named(declare, land, database):
    source = Sql("warehouse", table=f"{database.table}_2", known=ByColumn("at"))
    with pytest.raises(SourceRefusedError, match="there is no such table") as refused:
        land(declare(source, columns=COLUMNS), "2020-03-29")
    assert source.table in str(refused.value) and not refused.value.retryable


def test_a_column_that_has_gone_is_named(declare, land, database):
    database.say(f"alter table {database.table} rename column shop to branch")
    source = Sql("warehouse", table=database.table, known=ByColumn("at"))
    with pytest.raises(SourceColumnsError, match=r"lacks the columns 'shop'; it has .*'branch'"):
        land(declare(source, columns=COLUMNS), "2020-03-29")
    query = f"select id, branch from {database.table} where at >= :start and at < :end"
    with pytest.raises(SourceColumnsError, match=r"returns the columns 'id', 'branch'; the declared ones are"):
        land(declare(Sql("warehouse", query=query), columns={"id": "int64", "shop": "string"}), "2020-03-29")


def test_a_value_of_another_type_is_refused_with_its_row(declare, land, database):
    query = f"select id, shop from {database.table} where at >= :start and at < :end order by id"
    with pytest.raises(SourceColumnsError, match="row 2 of the answer: column 'shop': \"o'neill\" is not a value"):
        land(declare(Sql("warehouse", query=query), columns={"id": "int64", "shop": "float64"}), "2020-03-30")


def test_a_query_that_is_wrong_is_refused_with_the_words_of_the_database(declare, land, database):
    query = f"select id from {database.table} where colour >= :start and at < :end"
    with pytest.raises(SourceRefusedError, match=r"colour.*Correct the table or the query") as refused:
        land(declare(Sql("warehouse", query=query), columns={"id": "int64"}), "2020-03-30")
    assert not refused.value.retryable


def test_a_connection_that_is_not_there_says_where_it_was_searched(declare, land):
    source = Sql("warehouse", table="sales", known=ByColumn("at"))
    with pytest.raises(ConnectionMissingError, match="AIRWORTHY_CONN_WAREHOUSE and AIRFLOW_CONN_WAREHOUSE"):
        land(declare(source, columns=COLUMNS), "2020-03-30")


def test_a_file_of_sqlite_that_is_not_there_is_not_made(declare, land, tmp_path, configure):
    configure.connections(warehouse=f"sqlite:///{tmp_path}/no.db")
    with pytest.raises(SourceRefusedError, match="unable to open database file"):
        land(declare(Sql("warehouse", table="sales", known=ByColumn("at")), columns=COLUMNS), "2020-03-30")
    assert not (tmp_path / "no.db").exists()


def test_a_server_that_does_not_answer_is_worth_another_try(declare, land, configure):
    configure.connections(warehouse="postgresql://me:secret@127.0.0.1:9/shop")
    with pytest.raises(SourceUnavailableError) as failed:
        land(declare(Sql("warehouse", table="sales", known=ByColumn("at")), columns=COLUMNS), "2020-03-30")
    assert failed.value.retryable and "secret" not in str(failed.value)


@pytest.mark.slow
def test_wrong_credentials_are_not_tried_again_and_not_shown(declare, land, postgres, configure):
    configure.connections(warehouse=servers.address(postgres, password="wr0ng/word"))
    with pytest.raises(SourceRefusedError, match="Correct user and password") as refused:
        land(declare(Sql("warehouse", table="sales", known=ByColumn("at")), columns=COLUMNS), "2020-03-30")
    assert not refused.value.retryable
    assert "wr0ng" not in str(refused.value) and servers.PASSWORD not in str(refused.value)


@pytest.mark.slow
def test_a_query_cannot_write(declare, land, postgres, configure):
    database = postgresql(postgres, configure)
    query = f"delete from {database.table} where at >= :start and at < :end returning id"
    with pytest.raises(SourceRefusedError, match="refuses"):
        land(declare(Sql("warehouse", query=query), columns={"id": "int64"}), "2020-03-30")
    assert database.say(f"select count(*) from {database.table}") == [(4,)]


@pytest.mark.slow
def test_a_session_that_is_lost_while_rows_are_read_is_worth_another_try(declare, lake_home, postgres, configure):
    database = postgresql(postgres, configure)
    database.say(
        f"insert into {database.table} select n, 'x', 1, true, '2020-03-29', '2020-03-29Z'"
        " from generate_series(5, 100000) n"
    )
    context = context_of(
        declare(Sql("warehouse", table=database.table, known=ByColumn("at")), columns=COLUMNS), lake_home
    )
    batches = sql.SqlReader(context, context.feed.source).batches(Period("2020-03-30"))
    assert next(batches).num_rows == sql.BATCH_ROWS
    database.say(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = 'postgres'"
    )
    with pytest.raises(SourceUnavailableError) as failed:
        list(batches)
    assert failed.value.retryable


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(declare, lake_home, postgres, configure):
    database = postgresql(postgres, configure)
    database.say(
        f"insert into {database.table} select n, repeat('x', 200), 1, true, '2020-03-29', '2020-03-29Z'"
        " from generate_series(5, 500000) n"
    )
    context = context_of(
        declare(Sql("warehouse", table=database.table, known=ByColumn("at")), columns=COLUMNS), lake_home
    )
    reader, process = sql.SqlReader(context, context.feed.source), psutil.Process()
    rows, after_first, most = 0, 0, 0
    for batch in reader.batches(Period("2020-03-30")):
        assert batch.num_rows <= sql.BATCH_ROWS
        rows, memory = rows + batch.num_rows, process.memory_info().rss
        after_first, most = after_first or memory, max(most, memory)
    assert rows == 499_998
    assert most - after_first < 60 << 20  # the rows take more than 150 MB


@pytest.mark.slow
def test_airflow_s_connection_reads_the_same_through_its_hook(declare, lake_home, postgres, configure):
    database = postgresql(postgres, configure)
    use_case = declare(Sql("warehouse", table=database.table, known=ByColumn("at")), columns=COLUMNS)
    read = []
    for connections in (EnvironmentConnections(), AirflowConnections()):
        context = context_of(use_case, lake_home, connections)
        batches = sql.SqlReader(context, context.feed.source).batches(Period("2020-03-30"))
        read.append([row for batch in batches for row in batch.to_pylist()])
    assert read[0] == read[1] and len(read[0]) == 2


def test_airflow_s_connection_to_a_database_without_its_provider_is_sqlalchemy_s(
    declare, lake_home, tmp_path, configure
):
    database = sqlite(tmp_path, configure)
    assert find_spec("airflow.providers.sqlite") is None, "declared by no one; with it, the hook is used"
    use_case = declare(Sql("warehouse", table=database.table, known=ByColumn("at")), columns=COLUMNS)
    context = context_of(use_case, lake_home, AirflowConnections())
    batches = sql.SqlReader(context, context.feed.source).batches(Period("2020-03-30"))
    assert [row["id"] for batch in batches for row in batch.to_pylist()] == [2, 3]


def test_airflow_s_connection_to_no_database_is_refused(configure):
    configure.connections(desk="http://me:s3cret-word@127.0.0.1:9")  # pragma: allowlist secret
    with pytest.raises(ConnectionInvalidError, match="install the provider") as refused:
        AirflowConnections().engine("desk")
    assert "s3cret-word" not in str(refused.value)


def test_airflow_s_missing_connection_says_how_to_add_it(declare, lake_home):
    with pytest.raises(
        ConnectionMissingError, match=r"'nowhere'.*searched in Airflow.*airflow connections add nowhere"
    ):
        AirflowConnections().engine("nowhere")


def context_of(use_case: Any, folder: Path, connections: Any = None) -> Context:
    project = Project(use_case, connections=connections or EnvironmentConnections())
    return Context(project, use_case.feeds[0], folder)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "give a table or a query"),
        (
            {"table": "sales", "known": FirstSeen(), "complete": "select :now"},
            r"complete has the parameters \['now'\]",
        ),
        ({"table": "sales"}, "does not say when its rows became known"),
        ({"query": "select 1"}, "does not say which period it reads"),
        ({"query": "select :start, :end, :now"}, r"has the parameters \['now'\]"),
        ({"query": "select '{period}' where a >= :start and a < :end"}, "is not formatted"),
        ({"query": "select :start, :end", "known": FirstSeen()}, "needs a query without parameters"),
        ({"query": "select 1", "known": ByColumn("at")}, "ByColumn needs a table"),
        ({"conn_id": "", "table": "sales", "known": ByColumn("at")}, "name the Connection"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(values, problem):
    with pytest.raises(ValueError, match=problem):
        Sql(**({"conn_id": "warehouse"} | values))


@pytest.fixture
def through_adbc(monkeypatch):
    """Whether each result that was opened is read through ADBC."""
    pytest.importorskip("adbc_driver_postgresql", reason="the optional driver adbc-driver-postgresql is not installed")
    used: list[bool] = []
    real = adbc.open_result

    @contextmanager
    def opened(*args: Any) -> Iterator[Any]:
        with real(*args) as found:
            used.append(found is not None)
            yield found

    monkeypatch.setattr(adbc, "open_result", opened)
    return used


@pytest.mark.slow
@pytest.mark.parametrize("known", [ByColumn("at"), ByColumn("sold_on"), FirstSeen(), None])
def test_rows_through_adbc_are_those_of_sqlalchemy(
    declare, land, lake_home, postgres, configure, set_clock, through_adbc, monkeypatch, known
):
    database = postgresql(postgres, configure)
    database.say(f"alter table {database.table} alter amount type double precision, alter id type integer")
    database.say(f"update {database.table} set amount = 'NaN' where id = 3")
    set_clock(datetime(2020, 3, 30, 0, tzinfo=UTC))
    query = f"select * from (select id, shop, amount, open, sold_on, at from {database.table}) s where at >= :start"
    source = (
        Sql("warehouse", table=database.table, known=known)
        if known is not None
        else Sql("warehouse", query=f"{query} and at < :end")
    )
    use_case = declare(source, columns=COLUMNS)
    found = land(use_case, "2020-03-30")
    assert found and through_adbc == [True]
    monkeypatch.setattr(adbc, "is_usable", lambda _: False)
    reader = sql.SqlReader(context_of(use_case, lake_home), source)
    rows = [row for batch in reader.batches(Period("2020-03-30")) for row in batch.to_pylist()]
    assert sorted(rows, key=lambda row: row["id"]) == sorted(found, key=lambda row: row["id"])


@pytest.mark.slow
def test_a_result_of_other_types_is_left_to_sqlalchemy(declare, land, postgres, configure, through_adbc):
    database = postgresql(postgres, configure)  # its amounts are numeric
    source = Sql("warehouse", table=database.table, known=ByColumn("at"))
    assert ids(land(declare(source, columns=COLUMNS), "2020-03-30")) == [2, 3]
    assert through_adbc == [False]


@pytest.mark.parametrize("dialect", ["sqlite", "mysql", "postgresql"])
def test_adbc_is_used_for_postgresql_alone_and_only_where_it_is_installed(dialect):
    installed = find_spec("adbc_driver_postgresql") is not None
    assert adbc.is_usable(dialect) == (dialect == "postgresql" and installed)
