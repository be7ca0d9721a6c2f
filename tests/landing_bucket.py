"""A landing bucket on a real S3 server over HTTP, with a proxy that fails on request."""

from __future__ import annotations

import http.client
import io
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import pytest

from include.declaration.period import Period
from include.use_case import LandingBucket, UseCase
from tests import toy
from tests.contexts import Configure
from tests.toy_use_case import source

DAY = Period("2020-01-10")


@dataclass
class Bucket:
    """The bucket as those who deliver see it."""

    name: str
    client: Any

    def put(self, key: str, content: bytes | str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def remove(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)

    def remove_all(self) -> None:
        for key in self.keys():
            self.remove(key)

    def keys(self) -> list[str]:
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]


@pytest.fixture
def forgotten_clients() -> None:
    """A process remembers its clients; each test has a Connection of its own."""
    from include.orchestration import airflow_connections

    airflow_connections._client.cache_clear()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries are botocore's own, up to 64 s; here they are none."""
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda *_, **__: 0)


@pytest.fixture
def connection(s3_server: str, kind_of_place: str, forgotten_clients: None, configure: Configure) -> None:
    """Airflow's Connection `aws_default`, to the server; and no other way to it, unless the lake is there too."""
    configure.connections(aws_default=connection_to(s3_server))
    if kind_of_place == "file":
        configure.aws(endpoint_url=None, access_key_id=None, secret_access_key=None)


def connection_to(server: str) -> str:
    return f"aws://key:secret@/?region_name=us-east-1&endpoint_url={urllib.request.quote(server, safe='')}"


@pytest.fixture
def landing(s3_server: str, lake_home: Path, connection: None) -> Bucket:
    """An empty bucket, and an empty lake."""
    return make_bucket(s3_server)


def make_bucket(server: str, name: str = "") -> Bucket:
    import boto3

    session = boto3.session.Session("key", "secret", region_name="us-east-1")
    client = session.client("s3", endpoint_url=server)
    name = name or f"landing-{time.monotonic_ns()}"
    client.create_bucket(Bucket=name)
    return Bucket(name, client)


def landing_toy(bucket: str, events: dict[str, Any] | None = None, outcomes: dict[str, Any] | None = None) -> UseCase:
    """The toy, whose events are delivered as CSV and whose outcomes as Parquet."""
    feeds = (
        replace(toy.USE_CASE.feed("events"), source=LandingBucket(bucket, "events/{period}/", **(events or {}))),
        replace(
            toy.USE_CASE.feed("outcomes"),
            source=LandingBucket(bucket, "outcomes/{period:%Y/%m/%d}/", **{"format": "parquet", **(outcomes or {})}),
        ),
    )
    return replace(toy.USE_CASE, feeds=feeds)


def as_csv(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pc_csv.write_csv(rows, sink)
    return sink.getvalue()


def as_parquet(rows: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(rows, sink)
    return sink.getvalue()


def deliver(bucket: Bucket, period: Period = DAY) -> None:
    """The toy's events and outcomes of a day, as files."""
    bucket.put(f"events/{period}/events.csv", as_csv(source.events(period)))
    bucket.put(f"outcomes/{period.start_date:%Y/%m/%d}/outcomes.parquet", as_parquet(source.outcomes(period)))


@dataclass
class Faults:
    """What the proxy does to the next requests for objects, each once."""

    next: list[str] = field(default_factory=list)
    """`503`, `truncate`, …; empty: all is passed on."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Method and Range header of each request for an object."""
    address: str = ""


@pytest.fixture
def faults(s3_server: str, hasty: None, forgotten_clients: None, configure: Configure) -> Iterator[Faults]:
    """The Connection leads through a proxy that fails as the test asks."""
    with proxy(s3_server) as found:
        configure.connections(aws_default=connection_to(found.address))
        yield found


@contextmanager
def proxy(server: str) -> Iterator[Faults]:
    faults = Faults()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            is_object = "list-type" not in self.path
            if is_object:
                faults.seen.append((self.command, self.headers.get("Range", "")))
            fault = faults.next.pop(0) if faults.next else ""
            if fault.isdigit():
                self.send_response(int(fault))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            connection = http.client.HTTPConnection(server.removeprefix("http://"))
            connection.request(self.command, self.path, headers=dict(self.headers))
            answer = connection.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.end_headers()
            if fault == "truncate":
                body = body[: len(body) // 2]
                self.close_connection = True
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as listening:
        faults.address = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield faults
        finally:
            listening.shutdown()
            thread.join()
