"""Predictions are delivered to tables, files and web services, once for each period, with a receipt."""

from __future__ import annotations

import io
import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from rich.console import Console

from include.backfill.plan import UNDELIVERED, plan_phase
from include.backfill.request import BackfillRequest
from include.cli import exports
from include.connections import ConnectionMissingError
from include.declaration.period import Period
from include.errors import PartitionMissingError
from include.project import Project, open_project
from include.scoring import export, export_sql
from include.scoring.export_errors import ExportRefusedError, ExportsFailedError, ExportUnavailableError
from include.use_case import ToFiles, ToSql, Webhook
from tests import postgres as servers
from tests import toy

DAY, NEXT = Period("2020-03-01"), Period("2020-03-02")


def rows_of(period: Period, count: int = 3, probability: float = 0.25, version: str = "7") -> pa.Table:
    numbers = range(count)
    return pa.table(
        {
            "event_date": pa.array([period.start_date] * count, pa.date32()),
            "id": pa.array(numbers, pa.int64()),
            "probability": pa.array([probability] * count, pa.float64()),
            "predicted_positive": pa.array([True] * count, pa.bool_()),
            "model_version": pa.array([version] * count, pa.string()),
        }
    )


@pytest.fixture
def project(lake_home: Path) -> Callable[..., Project]:
    """Returns a project with predictions of two days and the given destinations."""

    def made(*exports: Any, **written: Any) -> Project:
        found = open_project(replace(toy.USE_CASE, exports=exports))
        for period in (DAY, NEXT):
            found.lake.replace("predictions", period, rows_of(period, **written), inputs={}, stage="score")
        return found

    return made


@dataclass
class Database:
    """A database behind the Connection `warehouse`."""

    say: Callable[[str], list[tuple[Any, ...]]]
    table: str


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path, configure: Any) -> Database:
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        configure.connections(warehouse=servers.address(server))
        schema = f"s{uuid.uuid4().hex}"
        server.say(f"create schema {schema}")
        return Database(server.say, f"{schema}.predictions")
    file = tmp_path / "shop.db"

    def say(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(file)) as connection, connection:
            return connection.execute(statement).fetchall()

    say("create table other (id integer)")
    configure.connections(warehouse=f"sqlite:///{file}")
    return Database(say, "predictions")


def delivered(database: Database) -> list[tuple[Any, ...]]:
    return database.say(f"select period, id, probability, model_version from {database.table} order by period, id")


def test_a_missing_table_is_created_and_has_the_rows_of_each_period_once(project, database):
    made = project(ToSql("warehouse", database.table))
    for period in (DAY, NEXT, DAY):
        (receipt,) = export.export_period(made, period)
    assert (receipt.period, receipt.rows, receipt.model_version) == (DAY.key, 3, "7")
    assert delivered(database) == [(period.key, number, 0.25, "7") for period in (DAY, NEXT) for number in range(3)]


def test_predictions_that_have_changed_replace_those_of_their_period_alone(project, database):
    made = project(ToSql("warehouse", database.table))
    export.export_period(made, DAY), export.export_period(made, NEXT)
    changed = rows_of(DAY, count=2, probability=0.5, version="8")
    made.lake.replace("predictions", DAY, changed, inputs={}, stage="score")
    export.export_period(made, DAY)
    assert [row[1:] for row in delivered(database) if row[0] == DAY.key] == [(0, 0.5, "8"), (1, 0.5, "8")]
    assert len(delivered(database)) == 5
    receipts = export.receipts_of(made, made.use_case.exports[0], DAY)
    assert [(receipt.rows, receipt.model_version) for receipt in receipts] == [(3, "7"), (2, "8")]


def test_the_command_shows_the_receipts_of_each_destination(project, database, tmp_path):
    made = project(ToSql("warehouse", database.table), ToFiles(f"{tmp_path}/{{period}}.csv"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "load_use_case", lambda _: made.use_case)
        before, after = Console(file=io.StringIO(), width=200), Console(file=io.StringIO(), width=200)
        exports.print_exports(before, "toy", DAY)
        export.export_period(made, DAY)
        exports.print_exports(after, "toy", DAY)
    assert before.file.getvalue().count("no delivery of 2020-03-01") == 2
    assert after.file.getvalue().count("3 rows of version 7") == 2 and "no delivery" not in after.file.getvalue()


HOSTILE = pa.record_batch(
    {
        "period": ["2020-03-01"] * 6,
        'Größe, "cm"': [1.5, None, float("inf"), 0.1 + 0.2, -1e-300, 5e-324],
        "shop": ["", None, 'a "quoted", name', "two\nlines\\N", "Ä;,\t", "\\."],
        "on": pa.array([date(2020, 2, 29), None, *[date(1999, 12, 31)] * 4], pa.date32()),
        "at": pa.array([datetime(2020, 1, 1, 1, 2, 3, 4, tzinfo=UTC), *[None] * 5], pa.timestamp("us", "UTC")),
        "flag": [True, False, None, True, True, True],
    }
)


@pytest.mark.slow
def test_a_copy_writes_the_same_values_as_an_insertion(postgres):
    schema, rows = f"s{uuid.uuid4().hex}", HOSTILE
    postgres.say(f"create schema {schema}")
    engine = sa.create_engine(servers.address(postgres), poolclass=sa.NullPool)
    written = []
    for number, insert in enumerate((export_sql._copy_batch, export_sql._insert_batch)):
        columns = [sa.Column(field.name, export_sql._type(field.type)) for field in rows.schema]
        table = sa.Table(f"t{number}", sa.MetaData(), *columns, schema=schema)
        with engine.begin() as connection:
            table.create(connection)
            insert(connection, table, rows)
            written.append(connection.execute(sa.select(table)).fetchall())
    assert written[0] == written[1] == [tuple(row.values()) for row in rows.to_pylist()]


def test_rows_are_inserted_with_the_values_that_sqlalchemy_would_insert():
    engine, written = sa.create_engine("sqlite://"), []
    for number, as_rows in enumerate((True, False)):
        columns = [sa.Column(field.name, export_sql._type(field.type)) for field in HOSTILE.schema]
        table = sa.Table(f"t{number}", sa.MetaData(), *columns)
        with engine.begin() as connection:
            table.create(connection)
            if as_rows:
                connection.execute(sa.insert(table), HOSTILE.to_pylist())
            else:
                export_sql._insert_batch(connection, table, HOSTILE)
            written.append(connection.exec_driver_sql(f"select * from t{number}").fetchall())  # as stored
    assert written[0] == written[1] and len(written[0]) == HOSTILE.num_rows


def test_a_delivery_is_one_transaction_with_one_statement_for_each_batch(project, tmp_path, configure):
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("create table other (id integer)")
    configure.connections(warehouse=f"sqlite:///{tmp_path}/shop.db")
    made = project(ToSql("warehouse", "predictions"), count=25_000)
    sizes, commits = list[int](), list[sa.Connection]()

    def executed(connection, cursor, statement, parameters, context, executemany) -> None:
        if statement.startswith("INSERT"):
            sizes.append(len(parameters) if executemany else 0)

    def committed(connection) -> None:
        commits.append(connection)

    sa.event.listen(sa.Engine, "before_cursor_execute", executed)
    sa.event.listen(sa.Engine, "commit", committed)
    try:
        export.export_period(made, DAY)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", executed)
        sa.event.remove(sa.Engine, "commit", committed)
    assert sizes == [10_000, 10_000, 5_000] and len(commits) == 1


def test_a_delivery_that_fails_half_way_leaves_the_table_as_it_was(project, database, monkeypatch):
    made = project(ToSql("warehouse", database.table))
    export.export_period(made, DAY)
    real = export.Delivery.batches

    def broken(self: Any, rows: int = 1) -> Iterator[pa.RecordBatch]:
        yield next(iter(real(self, 1)))
        raise ExportUnavailableError("toy", "x", "the disk is gone")

    monkeypatch.setattr(export.Delivery, "batches", broken)
    before = made.lake.as_of(DAY).digest("predictions", DAY)
    with pytest.raises(ExportUnavailableError):
        export.export_period(made, DAY)
    assert len(delivered(database)) == 3
    assert made.lake.as_of(DAY).digest("predictions", DAY) == before


def test_a_table_without_a_column_is_refused_and_unchanged(project, database):
    database.say(f"create table {database.table} (period text, id integer)")
    with pytest.raises(ExportRefusedError, match=r"lacks the columns 'event_date', 'model_version'") as refused:
        export.export_period(project(ToSql("warehouse", database.table)), DAY)
    assert not refused.value.retryable
    assert database.say(f"select * from {database.table}") == []


def test_many_rows_are_inserted_in_batches(project, database, monkeypatch):
    sizes = []
    real = export_sql._with_period
    monkeypatch.setattr(
        export_sql, "_with_period", lambda batch, *more: (sizes.append(batch.num_rows), real(batch, *more))[1]
    )
    export.export_period(project(ToSql("warehouse", database.table), count=25_000), DAY)
    assert database.say(f"select count(*) from {database.table}") == [(25_000,)]
    assert max(sizes) <= export.BATCH_ROWS and sum(sizes) == 25_000


@pytest.mark.slow
def test_two_deliveries_of_a_period_at_once_leave_its_rows_once(project, postgres, configure):
    configure.connections(warehouse=servers.address(postgres))
    schema = f"s{uuid.uuid4().hex}"
    postgres.say(f"create schema {schema}")
    made = project(ToSql("warehouse", f"{schema}.predictions"), count=500)
    export.export_period(made, DAY)
    failures: list[BaseException] = []

    def deliver() -> None:
        try:
            export.export_period(made, DAY)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert postgres.say(f"select count(*) from {schema}.predictions") == [(500,)]


def test_a_server_that_does_not_answer_is_worth_another_try_and_shows_no_password(project, configure):
    configure.connections(warehouse="postgresql://me:secret@127.0.0.1:9/shop")
    with pytest.raises(ExportUnavailableError) as failed:
        export.export_period(project(ToSql("warehouse", "predictions")), DAY)
    assert failed.value.retryable and "secret" not in str(failed.value)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_of_a_period_is_replaced_as_a_whole(project, tmp_path, kind):
    made = project(ToFiles(f"{tmp_path}/out/{{period:%Y/%m-%d}}.{kind}", format=kind))
    export.export_period(made, DAY)
    path = tmp_path / "out" / "2020" / f"03-01.{kind}"
    first = path.read_bytes()
    export.export_period(made, DAY)
    assert path.read_bytes() == first
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    if kind == "parquet":
        assert pq.read_table(path).equals(rows_of(DAY))
    else:
        lines = first.decode().splitlines()
        assert lines[0] == '"event_date","id","probability","predicted_positive","model_version"'
        assert lines[1] == '2020-03-01,0,0.25,true,"7"'


def test_a_file_that_cannot_be_written_leaves_nothing(project, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportRefusedError, match="Correct the path or its rights"):
        export.export_period(project(ToFiles(f"{tmp_path}/out/{{period}}.csv")), DAY)


@pytest.mark.slow
def test_a_file_on_s3_is_written_with_the_connection(project, landing):
    made = project(ToFiles(f"s3://{landing.name}/out/{{period}}.csv"))
    export.export_period(made, DAY)
    export.export_period(made, DAY)
    assert landing.keys() == ["out/2020-03-01.csv"]
    with pytest.raises(ExportRefusedError, match="NoSuchBucket"):
        export.export_period(project(ToFiles("s3://no-such-bucket/{period}.csv")), DAY)


@dataclass
class Receiver:
    """A web service that answers with the next of the given states, else 200."""

    address: str = ""
    states: list[int] = field(default_factory=list)
    seen: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def receiver(configure: Any) -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(found.states.pop(0) if found.states else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        port = listening.server_address[1]
        configure.connections(desk=f"http://me:s3cret-word@127.0.0.1:{port}/?X-Team=forecast")
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield found
        listening.shutdown()
        thread.join()


def test_a_webhook_gets_all_rows_in_requests_of_a_size_and_each_content_once(project, receiver):
    made = project(Webhook("desk", "predictions", rows_per_request=2))
    export.export_period(made, DAY)
    export.export_period(made, DAY)
    assert [len(body["predictions"]) for _, body in receiver.seen] == [2, 1]
    headers, body = receiver.seen[0]
    assert headers["x-team"] == "forecast" and headers["authorization"].startswith("Basic ")
    assert body | {"predictions": []} == {
        "use_case": "toy",
        "period": DAY.key,
        "model_version": "7",
        "rows": 3,
        "requests": 2,
        "request": 1,
        "predictions": [],
    }
    assert body["predictions"][0]["event_date"] == "2020-03-01"
    assert len({headers["idempotency-key"] for headers, _ in receiver.seen}) == 2
    made.lake.replace("predictions", DAY, rows_of(DAY, count=0), inputs={}, stage="score")
    export.export_period(made, DAY)
    assert receiver.seen[-1][1]["predictions"] == [] and len(receiver.seen) == 3


@pytest.mark.parametrize(
    ("state", "error", "retryable"), [(503, ExportUnavailableError, True), (403, ExportRefusedError, False)]
)
def test_an_answer_of_a_webhook_decides_whether_another_try_helps(project, receiver, state, error, retryable):
    receiver.states = [state]
    made = project(Webhook("desk", "predictions"))
    with pytest.raises(error) as failed:
        export.export_period(made, DAY)
    assert failed.value.retryable is retryable and "s3cret" not in str(failed.value)
    assert export.receipts_of(made, made.use_case.exports[0], DAY) == []
    export.export_period(made, DAY)
    assert len(receiver.seen) == 2


def test_a_destination_that_fails_does_not_keep_the_others_from_theirs(project, tmp_path, configure):
    made = project(ToSql("nowhere", "predictions"), ToFiles(f"{tmp_path}/{{period}}.csv"))
    with pytest.raises(ConnectionMissingError, match="'nowhere'"):
        export.export_period(made, DAY)
    assert (tmp_path / f"{DAY}.csv").exists()
    both = project(ToSql("nowhere", "predictions"), Webhook("no_desk"))
    with pytest.raises(ExportsFailedError, match=r"(?s)'nowhere'.*'no_desk'") as failed:
        export.export_period(both, DAY)
    assert not failed.value.retryable


def test_a_period_without_predictions_is_not_delivered(project, tmp_path):
    with pytest.raises(PartitionMissingError):
        export.export_period(project(ToFiles(f"{tmp_path}/{{period}}.csv")), NEXT + 1)


@pytest.mark.parametrize(
    ("exports", "problem"),
    [
        ((ToSql("a", "t"), ToSql("a", "t")), "written by several exports"),
        ((ToSql("a", "t", period_column="id"),), "is a column of the predictions"),
    ],
)
def test_destinations_that_collide_are_refused(exports, problem):
    with pytest.raises(ValueError, match=problem):
        replace(toy.USE_CASE, exports=exports)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: ToFiles("/out/all.csv"), "does not tell periods apart"),
        (lambda: ToFiles("out/{period}.csv"), "absolute path"),
        (lambda: ToFiles("/out/{period}.xml", format="xml"), "not one of"),
        (lambda: ToSql("", "t"), "name the Connection"),
        (lambda: Webhook("a", rows_per_request=0), "at least 1"),
    ],
)
def test_a_destination_that_cannot_work_is_refused(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


def test_predictions_that_were_not_delivered_are_planned_by_a_backfill_until_they_are(project, tmp_path):
    made = project(ToFiles(f"{tmp_path}/{{period}}.csv"), ToFiles(f"{tmp_path}/missing/{{period}}.csv"))
    request = BackfillRequest(DAY, DAY, ("score",))

    def undelivered() -> bool:
        return any(why == UNDELIVERED for work in plan_phase(made, request, "score").work for _, why in work.reasons)

    (tmp_path / "missing").touch()  # a file in the place of the folder
    with pytest.raises((ExportUnavailableError, ExportRefusedError)):
        export.export_period(made, DAY)
    assert undelivered(), "one of two destinations has them"
    (tmp_path / "missing").unlink()
    export.export_period(made, DAY)
    assert not undelivered()
