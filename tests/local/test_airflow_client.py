"""Waiting for Airflow: as long as it makes progress, and no longer."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from include.local import demo
from include.local.airflow_client import AirflowClient, AirflowUnreachableError
from include.project import open_project
from tests.refusals import raises
from tests.toy_use_case import USE_CASE


@pytest.fixture
def busy() -> Iterator[str]:
    """The address of a server that takes a second for each answer."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(1)
            body = json.dumps({"access_token": "t", "dag_id": "x"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_answer_may_take_longer_than_a_connection(busy, set_limits):
    set_limits(airflow_connect_s=0.5)
    assert AirflowClient(busy, "somebody", "a password").has_dag("x")


def test_an_answer_that_does_not_come_is_an_error_with_the_address(busy, set_limits):
    set_limits(airflow_answer_s=0.2)
    with raises(AirflowUnreachableError, address=busy, retryable=True):
        AirflowClient(busy, "somebody", "a password")


def walk_of(counts: Iterator[int], set_limits) -> None:
    """Wait for ten days; this many are done at each look."""
    set_limits(demo_limit_s=0.5, demo_poll_s=0.2)
    api: Any = SimpleNamespace(address="http://airflow")
    walk = demo.Demo(api, open_project(USE_CASE), demo.PLANS["short"], Console(quiet=True))
    walk._until("periods", lambda: Counter(success=next(counts), running=1), 10, "toy__data")


def test_a_step_of_the_demo_may_take_any_time_while_something_changes(set_limits):
    walk_of(iter(range(11)), set_limits)


def test_a_step_in_which_nothing_changes_is_given_up(set_limits):
    with pytest.raises(demo.DemoFailedError, match=r"\b3\b.*\b10\b.*\b1\b"):
        walk_of(iter([3] * 1000), set_limits)


def test_a_favorite_is_marked_once():
    """Airflow answers 500 to a second mark of the same DAG, so a second demo must not send it."""
    marked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({"is_favorite": "toy__data" in marked})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path.endswith("/favorite"):
                marked.append(self.path.split("/")[-2])
            self.reply({"access_token": "t"})

        def reply(self, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = AirflowClient(f"http://127.0.0.1:{server.server_port}", "somebody", "a password")
    client.mark_favorite("toy__data")
    client.mark_favorite("toy__data")
    server.shutdown()
    server.server_close()
    assert marked == ["toy__data"]
