"""Requests of unusual size are refused before they are parsed, and every answer has the page's headers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.api_fastapi.core_api.security import get_user
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from include.web import app
from include.web.request_limits import AIRFLOW, Guard, guard_airflow

pytestmark = pytest.mark.security

MANY = "&".join(f"p{number}=1" for number in range(8_000))
LONG = [f"/?{MANY}", f"/?period={'1' * 5_000}", f"/use_case/{'x' * 5_000}", f"/static/{'x' * 5_000}?period=1"]
PRIVATE = {"x-content-type-options": "nosniff", "cache-control": "private, no-store", "referrer-policy": "same-origin"}


@pytest.fixture
def routes() -> FastAPI:
    """The page's routes, with Paul logged in."""
    routes = app.page_routes()
    routes.dependency_overrides[get_user] = lambda: SimpleNamespace(get_name=lambda: "paul")
    return routes


@pytest.fixture
def client(at_home, monkeypatch, configure, routes) -> TestClient:
    configure(use_case_packages="tests.web.use_cases")
    monkeypatch.setattr(app.access, "may_read", lambda user, name: name == "toy")
    return TestClient(app.build_app(routes), raise_server_exceptions=False)


@pytest.mark.parametrize("address", LONG)
def test_a_long_address_is_answered_414_before_the_page_sees_it(address):
    def unseen(*_: object) -> None:
        raise AssertionError("it was parsed")

    answer = TestClient(Guard(unseen, app.PAGE)).get(address)
    assert answer.status_code == 414 and "too many parameters" in answer.json()["detail"]
    assert answer.headers.items() >= PRIVATE.items()


def test_too_many_headers_are_answered_431(client):
    assert client.get("/", headers={f"h{number}": "1" for number in range(500)}).status_code == 431


def test_the_page_serves_the_addresses_that_it_links(client):
    assert client.get("/use_case/toy?period=2020-07-14&span=365").status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/metrics", 200),
        ("GET", "/use_case/missing", 404),
        ("GET", "/use_case/toy?span=7", 422),
        ("GET", "/use_case/toy?period=x", 422),
        ("GET", "/data_docs/toy/none.html", 404),
        ("GET", "/no/such/page", 404),
        ("POST", "/metrics", 405),
        ("OPTIONS", "/", 405),
        ("GET", f"/?{MANY}", 414),
    ],
)
def test_every_answer_has_the_headers_of_the_pages(client, accept, method, address, status):
    answer = client.request(method, address, headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.headers.items() >= PRIVATE.items()


@pytest.mark.parametrize("status", [401, 403, 503])
def test_a_refusal_of_airflows_own_has_them_too(client, routes, status):
    def refuse() -> None:
        raise HTTPException(status, "no")

    routes.dependency_overrides[get_user] = refuse
    answer = client.get("/metrics", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (status, {"detail": "no"})
    assert answer.headers.items() >= PRIVATE.items() and "content-security-policy" in answer.headers


def test_an_answer_to_a_failure_has_them_too(client, routes):
    def fail() -> None:
        raise RuntimeError

    routes.dependency_overrides[get_user] = fail
    answer = client.get("/metrics")
    assert answer.status_code == 500 and answer.headers.items() >= PRIVATE.items()


def test_files_are_still_kept_by_the_browser(client):
    assert "immutable" in client.get("/static/page.js").headers["cache-control"]


def test_airflows_own_addresses_are_limited_too_and_its_longest_question_is_not():
    airflow = FastAPI()
    airflow.add_middleware(guard_airflow)  # as Airflow adds a plugin's

    @airflow.get("/grid")
    def grid() -> int:
        return 1

    asked = TestClient(airflow)
    assert asked.get(f"/grid?{MANY}").status_code == 414
    runs = "&".join(f"run_ids=scheduled__2026-11-28T00%3A00%3A00%2B00%3A00_{'x' * 40}" for _ in range(365))
    assert len(runs) < AIRFLOW.query and asked.get(f"/grid?{runs}").status_code == 200
