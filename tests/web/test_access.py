"""Who may read the page, tested on Airflow's API server; no user may do more than read."""

import re

import pytest

from tests.web.conftest import LAST

pytestmark = [pytest.mark.slow, pytest.mark.security]
PAGE = "/airworthy/use_case/toy"
VALIDATION = "/airworthy/validation/toy"
DOCS = "/airworthy/data_docs/toy/index.html"
CARD = "/airworthy/card/toy/3"
ROUTES = [
    "/airworthy/",
    PAGE,
    *(f"{PAGE}/{page}" for page in ("features", "feature/size", "performance", "metrics", "metric/psi", "compare")),
    "/airworthy/dag/toy__train",
    "/airworthy/static/page.js",
    "/airworthy/static/plotly.js",
    "/airworthy/static/icon.svg",
    "/airworthy/metrics",
    "/airworthy/catalogue",
    VALIDATION,
    "/airworthy/validation/toy/events/2020-08-23",
    DOCS,
    CARD,
    "/airworthy/openapi.json",
    "/airworthy/docs",
    "/airworthy/no/such/page",
]


@pytest.mark.parametrize("route", ROUTES)
def test_no_one_sees_anything_without_logging_in(server, route):
    with server.client() as anonymous:
        answer = anonymous.get(route)
        assert answer.status_code == 401
        assert "toy" not in answer.text


def test_a_browser_is_advised_to_log_in_and_a_program_gets_json(server):
    with server.client() as anonymous:
        assert "Log in to Airflow" in anonymous.get(PAGE).text
        assert anonymous.get(PAGE, headers={"Accept": "application/json"}).json() == {"detail": "Not authenticated"}


@pytest.mark.parametrize("user", ["ada", "vera"])
def test_who_may_read_the_dags_sees_the_page(server, user):
    with server.client(user) as client:
        page = client.get(PAGE)
        assert page.status_code == 200
        assert "version 3" in page.text and "no-store" in page.headers["Cache-Control"]


def test_a_bearer_token_serves_as_well_as_the_cookie(server):
    with server.client("vera") as client:
        token = client.cookies["_token"]
    with server.client() as client:
        assert client.get(PAGE, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.get(PAGE, headers={"Authorization": f"Bearer {token}x"}).status_code in (401, 403)


def test_who_may_not_read_the_dags_sees_no_use_case(server):
    with server.client("norman") as client:
        routes = (PAGE, DOCS, CARD, VALIDATION, f"{VALIDATION}/events/{LAST}")
        assert {client.get(route).status_code for route in routes} == {404}
        for route in ("/airworthy/", "/airworthy/dag/toy__train"):
            answer = client.get(route)
            assert answer.status_code == 200 and "champion" not in answer.text and "degraded" not in answer.text


@pytest.mark.parametrize("user", ["ada", "vera"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_one_may_do_anything(server, user, method):
    with server.client(user) as client:
        assert [client.request(method, route).status_code for route in ROUTES] == [405] * len(ROUTES)


def test_the_index_lists_every_use_case_with_its_state(server):
    with server.client("vera") as client:
        page = client.get("/airworthy/").text
    assert "/airworthy/use_case/toy" in page and "/airworthy/use_case/idle" in page
    assert "not started" in page and "stale" in page


def test_a_dag_has_the_page_of_its_use_case(server):
    with server.client("vera") as client:
        assert "<h1>toy</h1>" in client.get("/airworthy/dag/toy__train").text
        assert "is not a DAG of a use case" in client.get("/airworthy/dag/somebody_elses").text


@pytest.mark.parametrize("query", ["?period=tomorrow", "?span=7", "?span=x"])
def test_a_question_that_cannot_be_meant_is_answered_in_words(server, query):
    with server.client("vera") as client:
        answer = client.get(PAGE + query)
        assert answer.status_code == 422 and "YYYY-MM-DD" in answer.text


@pytest.mark.parametrize("address", [PAGE, "/airworthy/", "/api/v2/dags", "/api/v2/monitor/health", "/"])
def test_an_address_with_thousands_of_parameters_is_refused_before_it_is_parsed(server, address):
    many = "&".join(f"p{number}=1" for number in range(8_000))
    for user in (None, "vera"):
        with server.client(user) as client:
            answer = client.get(f"{address}?{many}")
            assert answer.status_code == 414 and answer.headers["Cache-Control"] == "private, no-store"


def test_an_unknown_use_case_is_not_found(server):
    with server.client("vera") as client:
        assert client.get("/airworthy/use_case/missing").status_code == 404
        assert client.get("/airworthy/static/..%2Fapp.py").status_code == 404


def test_files_are_kept_by_the_browser_and_asked_for_once(server):
    with server.client("vera") as client:
        first = client.get("/airworthy/static/plotly.js")
        assert "immutable" in first.headers["Cache-Control"] and len(first.content) > 1_000_000
        assert (
            client.get("/airworthy/static/plotly.js", headers={"If-None-Match": first.headers["ETag"]}).status_code
            == 304
        )


def test_nothing_comes_from_elsewhere(server):
    with server.client("vera") as client:
        policy = client.get(PAGE).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "http" not in policy and "unsafe-eval" not in policy


def test_who_may_not_read_a_use_case_cannot_tell_it_from_one_that_is_not_there(server):
    def page_title(client, route: str, name: str) -> tuple[int, str]:
        answer = client.get(f"/airworthy/{route.format(name)}")
        return answer.status_code, answer.text.replace(name, "NAME")

    with server.client("sven") as client:
        for route in ("use_case/{}", "data_docs/{}/index.html", "dag/{}__train", "validation/{}"):
            unknown = page_title(client, route, "missing")
            assert [page_title(client, route, name) for name in ("toy", "idle", "broken")] == [unknown] * 3, route


def test_each_user_sees_the_use_cases_whose_dags_that_user_may_all_read(server):
    with server.client("tina") as tina, server.client("sven") as sven, server.client("vera") as vera:
        assert "/use_case/toy" in tina.get("/airworthy/").text and "idle" not in tina.get("/airworthy/").text
        assert "toy" not in sven.get("/airworthy/").text  # six of its seven DAGs are not enough
        assert "version 3" in tina.get("/airworthy/dag/toy__score").text
        for dag_id in ("toy__score", "toy__retrain"):
            assert "version 3" not in sven.get(f"/airworthy/dag/{dag_id}").text
        assert "version 3" not in tina.get("/airworthy/dag/idle__score").text
        pages = [client.get("/airworthy/metrics").text for client in (vera, tina, sven)]
    assert ['use_case="toy"' in text for text in pages] == [True, True, False]
    assert ['use_case="idle"' in text for text in pages] == [True, False, False]


OTHER_TASKS = {f"use case {name}" for name in ("counts", "quantile_counts", "grades")}


def test_the_catalogue_has_the_features_of_what_the_user_may_read_and_no_other_user_of_them(server):
    def sources(user: str) -> tuple[set[str], bool]:
        with server.client(user) as client:
            page = client.get("/airworthy/catalogue").text
        found = set(re.findall(r"(?:group|use case) \w+(?=</span>)", page)) - OTHER_TASKS
        return found, "/use_case/idle" in page

    assert sources("vera") == ({"use case toy", "use case idle", "group kind_quality"}, True)
    assert sources("tina") == ({"use case toy", "group kind_quality"}, False)
    assert sources("gerda") == ({"use case toy", "use case idle"}, True)
    assert sources("norman") == (set(), False)


def test_the_tab_of_a_groups_dag_shows_its_features_to_who_may_read_it(server):
    address = "/airworthy/dag/feature_group_kind_quality__data"
    with server.client("vera") as vera, server.client("gerda") as gerda:
        assert "recent_defects" in vera.get(address).text
        assert "recent_defects" not in gerda.get(address).text


def test_a_use_case_that_cannot_be_imported_hides_no_other_and_is_named_to_who_may_read_it(server):
    with server.client("vera") as client:
        index = client.get("/airworthy/").text
        assert "/use_case/toy" in index
        assert "RuntimeError: half written (tests/web/use_cases/broken.py:3)" in index
        for route in ("use_case/broken", "dag/broken__train"):
            answer = client.get(f"/airworthy/{route}")
            assert answer.status_code == 503 and "tests/web/use_cases/broken.py:3" in answer.text
        assert client.get("/airworthy/metrics").status_code == 200
    assert "RuntimeError: half written" in server.log.read_text()


@pytest.mark.parametrize("period", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("span", [30, 365])
def test_every_day_of_the_calendar_has_a_page(server, period, span):
    with server.client("vera") as client:
        assert client.get(f"{PAGE}?period={period}&span={span}").status_code == 200


@pytest.mark.parametrize("path", ["", "index.html", "events/2020-07-14__b2-0.html"])
def test_data_docs_are_shown_to_who_may_read_the_use_case(server, path):
    with server.client("tina") as client:
        answer = client.get(f"/airworthy/data_docs/toy/{path}")
        assert answer.status_code == 200 and "Validated" in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["../../lake/toy/ledger/000001.json", "..%2F..%2Fmlflow.db", "%2Fetc%2Fpasswd", "%00"])
def test_data_docs_lead_nowhere_else(server, path):
    with server.client("ada") as client:
        assert client.get(f"/airworthy/data_docs/toy/{path}").status_code == 404


RUN = {"logical_date": None, "conf": {}}
ANSWER = "/dags/toy__train/dagRuns/r/taskInstances/approve_promotion/-1/hitlDetails"
ACTIONS = {
    "look at a DAG": ("GET", "/dags/toy__train", None, "viewer"),
    "read a log": ("GET", "/dags/toy__train/dagRuns/r/taskInstances/train/logs/1", None, "viewer"),
    "look at a question": ("GET", ANSWER, None, "viewer"),
    "answer a question": ("PATCH", ANSWER, {"chosen_options": ["Approve"], "params_input": {}}, "user"),
    "roll back": ("POST", "/dags/toy__rollback/dagRuns", RUN | {"conf": {"version": "1", "reason": "r"}}, "user"),
    "send rows back": ("POST", "/dags/toy__quarantine/dagRuns", RUN, "user"),
    "remove what is old": ("POST", "/dags/toy__maintenance/dagRuns", RUN | {"conf": {"apply_changes": True}}, "user"),
    "take changed files": ("POST", "/dags/toy__data/dagRuns", RUN | {"conf": {"take_changed": True}}, "user"),
    "clear tasks": ("POST", "/dags/toy__train/clearTaskInstances", {"dry_run": False}, "user"),
    "pause": ("PATCH", "/dags/toy__train", {"is_paused": True}, "user"),
    "backfill": (
        *("POST", "/backfills"),
        {"dag_id": "toy__data", "from_date": "2020-01-01T00:00:00Z", "to_date": "2020-01-02T00:00:00Z"},
        "user",
    ),
    "list Connections": ("GET", "/connections", None, "op"),
    "make a Variable": ("POST", "/variables", {"key": "a", "value": "b"}, "op"),
    "change a pool": ("PATCH", "/pools/training", {"slots": 2}, "op"),
}
"""What somebody wants: request, and the least role that may. The DAGs are not in this server's database: who may is
answered 404, or that the request is not whole."""
ROLES = {"norman": "", "vera": "viewer", "ursula": "user", "otto": "op", "ada": "admin"}
LADDER = ["", "viewer", "user", "op", "admin"]


@pytest.mark.parametrize("what", ACTIONS)
def test_each_role_may_do_what_it_may_and_nothing_else(server, what):
    method, path, body, least = ACTIONS[what]
    found = {}
    for user in ROLES:
        with server.client(user) as client:
            token = {"Authorization": f"Bearer {client.cookies['_token']}"}
            found[user] = client.request(method, f"/api/v2{path}", json=body, headers=token).status_code
    refused = {user for user, status in found.items() if status == 403}
    assert refused == {user for user, role in ROLES.items() if LADDER.index(role) < LADDER.index(least)}, found
    assert not {status for status in found.values() if status in (401, 405) or status >= 500}, found
    with server.client() as anonymous:
        assert anonymous.request(method, f"/api/v2{path}", json=body).status_code == 401
