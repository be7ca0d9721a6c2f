"""Records of a web service become the rows of a period, page by page."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from include.declaration import clock
from include.ingestion.sources import http
from include.ingestion.sources.base import SourceColumnsError, SourceRefusedError, SourceUnavailableError
from include.orchestration.retries import RETRIES, RetryTemporaryErrors
from include.use_case import FirstSeen, Http, NextPage, PageNumber

COLUMNS = {"id": "int64", "shop": "string", "at": "timestamp"}
PERIOD = {"from": "{start}", "to": "{end}"}


@dataclass
class Service:
    """A web service whose answers a function makes of the path and the parameters."""

    answer: Callable[[str, dict[str, str]], Any] = lambda path, given: []
    states: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """States and headers of the next answers, before it answers normally."""
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def service(configure: Any) -> Iterator[Service]:
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(parts.query).items()}
            found.asked.append((parts.path, given, {name.lower(): value for name, value in self.headers.items()}))
            state, headers = found.states.pop(0) if found.states else (200, {})
            made = found.answer(parts.path, given) if state == 200 else "no"
            content = made if isinstance(made, bytes) else json.dumps(made).encode()
            self.send_response(state)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        configure.connections(desk=f"http://me:s3cret-word@127.0.0.1:{listening.server_address[1]}/?X-Team=forecast")
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield found
        listening.shutdown()
        thread.join()


def record(number: int) -> dict[str, Any]:
    return {"id": number, "shop": None, "at": "2020-03-28T12:00:00+01:00"}


def source(**values: Any) -> Http:
    return Http(
        **({"conn_id": "desk", "endpoint": "v1/sales", "parameters": PERIOD, "requests_per_second": 1e6} | values)
    )


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def test_a_request_asks_for_the_local_period_that_has_ended(declare, land, service):
    service.answer = lambda path, given: {"data": {"items": [record(1)]}}
    dates = {**PERIOD, "period": "{start_date}/{end_date}"}
    rows = land(declare(source(records="data.items", parameters=dates), columns=COLUMNS), "2020-03-30")
    assert ids(rows) == [1] and rows[0]["at"].isoformat() == "2020-03-28T11:00:00+00:00"
    path, given, headers = service.asked[0]
    assert path == "/v1/sales" and given == {
        "from": "2020-03-28T23:00:00Z",
        "to": "2020-03-29T22:00:00Z",
        "period": "2020-03-29/2020-03-30",
    }
    assert headers["x-team"] == "forecast"
    assert base64.b64decode(headers["authorization"].split()[1]) == b"me:s3cret-word"


def test_numbered_pages_are_read_to_the_first_without_records(declare, land, service):
    pages = {"0": [record(1), record(2)], "1": [record(3)]}
    service.answer = lambda path, given: pages.get(given["p"], [])
    assert ids(land(declare(source(paging=PageNumber("p", first=0)), columns=COLUMNS), "2020-03-30")) == [1, 2, 3]
    assert len(service.asked) == 3


def test_a_cursor_is_sent_with_the_next_request(declare, land, service):
    service.answer = lambda path, given: (
        {"items": [record(2)], "next": None} if given.get("cursor") == "b" else {"items": [record(1)], "next": "b"}
    )
    declared = source(records="items", paging=NextPage("next", parameter="cursor"))
    assert ids(land(declare(declared, columns=COLUMNS), "2020-03-30")) == [1, 2]
    assert "from" in service.asked[1][1]


def test_the_address_of_the_next_page_is_followed_on_the_same_host_alone(declare, land, service):
    link = {"to": "/v1/more?token=1"}
    service.answer = lambda path, given: (
        {"items": [record(2)]} if path == "/v1/more" else {"items": [record(1)], "links": {"next": link["to"]}}
    )
    use_case = declare(source(records="items", paging=NextPage("links.next")), columns=COLUMNS)
    assert ids(land(use_case, "2020-03-30")) == [1, 2]
    link["to"] = "http://127.0.0.1:9/v1/more"
    with pytest.raises(SourceRefusedError, match="on another host"):
        land(use_case, "2020-03-30")


def test_pages_that_never_end_are_refused(declare, land, service):
    service.answer = lambda path, given: [record(1)]
    with pytest.raises(SourceRefusedError, match="page 2 repeats"):
        land(declare(source(paging=PageNumber()), columns=COLUMNS), "2020-03-30")
    service.answer = lambda path, given: [record(int(given["page"]))]
    with pytest.raises(SourceRefusedError, match="more than max_pages=3"):
        land(declare(source(paging=PageNumber(), max_pages=3), columns=COLUMNS), "2020-03-30")


def test_requests_keep_to_the_rate(declare, land, service, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(http, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: 100 + sum(slept)))
    service.answer = lambda path, given: [record(int(given["page"]))] if int(given["page"]) < 4 else []
    land(declare(source(paging=PageNumber(), requests_per_second=20), columns=COLUMNS), "2020-03-30")
    assert slept == pytest.approx([0, 0.05, 0.05, 0.05])


def test_a_service_that_asks_for_a_pause_is_asked_again(declare, land, service):
    service.answer = lambda path, given: [record(1)]
    service.states = [(429, {"Retry-After": "0"}), (503, {"Retry-After": "0.1"})]
    assert ids(land(declare(source(), columns=COLUMNS), "2020-03-30")) == [1]


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses; none is made, so that one that is too long fails a test and does not delay it."""
    pauses: list[float] = []
    monkeypatch.setattr(http, "time", SimpleNamespace(sleep=pauses.append, monotonic=lambda: 100 + sum(pauses)))
    return pauses


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("3600", 3600, 3600),
        ("1e300", http.MOST_PAUSE_S, http.MOST_PAUSE_S),
        ("61", 61, 61),
        ("in two hours", 3600, 7200),
    ],
)
def test_a_pause_that_is_too_long_is_left_to_the_next_try_of_the_task(
    declare, land, service, slept, header, least, most
):
    if header == "in two hours":
        header = format_datetime(clock.now() + timedelta(hours=2), usegmt=True)
    service.states = [(429, {"Retry-After": header})]
    with pytest.raises(SourceUnavailableError, match="answered 429") as failed:
        land(declare(source(), columns=COLUMNS), "2020-03-30")
    assert failed.value.retryable and least <= failed.value.retry_after.total_seconds() <= most
    assert sum(slept) == 0
    decision = RetryTemporaryErrors().evaluate(failed.value, 1, RETRIES)
    assert decision.retry_delay == failed.value.retry_after


def test_the_pauses_of_all_pages_together_are_bounded(declare, land, service, slept):
    service.answer = lambda path, given: [record(int(given["page"]))]
    service.states = [state for _ in range(100) for state in ((503, {"Retry-After": "50"}), (200, {}))]
    with pytest.raises(SourceUnavailableError, match="answered 503") as failed:
        land(declare(source(paging=PageNumber()), columns=COLUMNS), "2020-03-30")
    assert sum(slept) <= http.LONGEST_WAIT_S + 10 and failed.value.retry_after == timedelta(seconds=50)


@pytest.mark.parametrize("header", ["-1", "nan", "soon", ""])
def test_a_pause_that_cannot_be_read_is_a_second_or_none(declare, land, service, slept, header):
    service.answer = lambda path, given: [record(1)]
    service.states = [(429, {"Retry-After": header})]
    assert ids(land(declare(source(), columns=COLUMNS), "2020-03-30")) == [1]
    assert sum(slept) <= 1.1


@pytest.mark.parametrize(
    ("state", "error", "words", "retryable"),
    [
        (500, SourceUnavailableError, "answered 500", True),
        (401, SourceRefusedError, "Correct user, password or headers in the Connection 'desk'", False),
        (404, SourceRefusedError, "Correct the endpoint", False),
        (302, SourceRefusedError, "answered 302", False),
    ],
)
def test_a_status_decides_whether_another_try_helps(declare, land, service, state, error, words, retryable):
    service.states = [(state, {})]
    with pytest.raises(error, match=words) as failed:
        land(declare(source(), columns=COLUMNS), "2020-03-30")
    assert failed.value.retryable is retryable and "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<html>", "is not JSON"),
        ({"items": []}, "no list at records=''"),
        ([1], "record 1 of a page is not an object"),
        ([record(1), {"id": 1, "shop": "x"}], r"record 2 of a page lacks 'at'"),
        ([record(1) | {"more": 1}], r"record 1 of a page has undeclared 'more'"),
        ([record(1) | {"id": "1"}], "record 1 of a page column 'id': '1' is not a value of int64"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(declare, land, service, answer, words):
    service.answer = lambda path, given: answer
    with pytest.raises(SourceColumnsError, match=words):
        land(declare(source(), columns=COLUMNS), "2020-03-30")


def test_an_answer_that_is_too_large_is_refused_before_it_is_read_whole(declare, land, service, monkeypatch):
    monkeypatch.setattr(http, "ANSWER_BYTES", 1_000)
    service.answer = lambda path, given: b"[" + b" " * 10_000_000 + b"]"
    with pytest.raises(SourceRefusedError, match="larger than 1,000 bytes"):
        land(declare(source(), columns=COLUMNS), "2020-03-30")


def test_fields_that_are_declared_as_ignored_are_not_read(declare, land, service):
    service.answer = lambda path, given: [record(1) | {"more": {"a": 1}}]
    assert ids(land(declare(source(ignored_columns=("more",)), columns=COLUMNS), "2020-03-30")) == [1]


def test_a_service_that_does_not_answer_is_worth_another_try(declare, land, configure):
    configure.connections(desk="http://127.0.0.1:9")
    with pytest.raises(SourceUnavailableError):
        land(declare(source(), columns=COLUMNS), "2020-03-30")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"parameters": {}}, "does not say which period it reads"),
        ({"parameters": {"a": "{now}"}}, r"name \['now'\]"),
        ({"parameters": {"a": "{"}}, "cannot be read"),
        ({"endpoint": "http://host/x"}, "the host belongs into the Connection"),
        ({"known": FirstSeen()}, "needs a request without a period"),
        ({"requests_per_second": 0}, "above 0"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(values, problem):
    with pytest.raises(ValueError, match=problem):
        source(**values)
