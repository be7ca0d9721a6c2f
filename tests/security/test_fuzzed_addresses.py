"""The page answers any address and any headers without an internal error."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import quote, unquote

import anyio
import pytest
from airflow.api_fastapi.core_api.security import get_user
from hypothesis import given
from hypothesis import strategies as st

from include.web import app
from tests.security.fuzzing import examples

pytestmark = [pytest.mark.security, pytest.mark.slow]
NAMES = [
    "toy",
    "idle",
    "broken",
    "toy__data",
    "missing",
    "..",
    "%2e%2e",
    "page.js",
    "plotly.js",
    "index.html",
    "",
    "%00",
]
NAMES += ["%ff", "%ud800", "%ed%a0%80", "a%0d%0ab", "{name}", "x" * 300]
VALUES = ["2020-07-14", "0001-01-01", "9999-12-31", "2020-02-30", "30", "365", "-1", "9" * 30, "1e3", "NaN", "", "٣"]
TEXTS = st.one_of(st.sampled_from([*NAMES, *VALUES]), st.text(max_size=20).map(quote), st.text(max_size=10))
PATHS = st.one_of(
    st.builds(
        lambda start, parts: "/".join([start, *parts]),
        st.sampled_from(
            [
                "",
                "/use_case",
                "/dag",
                "/data_docs/toy",
                "/data_docs",
                "/validation/toy",
                "/validation",
                "/metrics",
                "/static",
                "/x",
            ]
        ),
        st.lists(TEXTS, max_size=4),
    ),
    st.sampled_from(
        [
            "/",
            "/use_case/toy",
            "/use_case/idle",
            "/use_case/broken",
            "/dag/toy__data",
            "/metrics",
            "/validation/toy/events/9999-12-31",
        ]
    ),
)
QUERIES = st.lists(st.tuples(st.one_of(st.sampled_from(["period", "span", "until"]), TEXTS), TEXTS), max_size=3).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)
HEADERS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from([b"accept", b"host", b"if-none-match", b"range", b"cookie"]), st.binary(max_size=9)),
        st.one_of(st.sampled_from([b"text/html", b"*/*", b"\xff", b"bytes=0-1"]), st.binary(max_size=30)),
    ),
    max_size=5,
)
METHODS = st.sampled_from(["GET"] * 8 + ["HEAD", "POST", "OPTIONS", "X"])


@pytest.fixture
def page(lake_home, monkeypatch, configure):
    configure(use_case_packages="tests.web.use_cases", feature_group_packages="tests.sharing.feature_groups")
    monkeypatch.setattr(app.access, "may_read", lambda user, name, kinds=(): name != "toy__secret")
    routes = app.page_routes()
    routes.dependency_overrides[get_user] = lambda: SimpleNamespace(get_name=lambda: "paul")
    return app.build_app(routes)


def ask(page, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    """Ask as a server does: with the path's percent signs decoded and bytes that are no UTF-8 replaced."""
    sent = list[dict]()

    async def receive() -> dict:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http"}
    scope |= {"path": unquote(path), "raw_path": path.encode(), "query_string": query, "headers": headers}
    scope |= {"root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    anyio.run(page, scope, receive, send)
    return sent[0]["status"]


def test_no_address_and_no_header_makes_the_page_fail(page):
    statuses = set[int]()

    @examples(60)
    @given(METHODS, PATHS, QUERIES, HEADERS)
    def fuzz(method, path, query, headers):
        status = ask(page, method, path, query.encode(), headers)
        statuses.add(status)
        # A use case that cannot be loaded is said to be unavailable: 503, in the page's words.
        assert status < 500 or (status == 503 and "broken" in path)

    fuzz()
    assert {200, 404} <= statuses
