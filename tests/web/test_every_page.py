"""Every page of the plugin in real Chromium: drawn at both sizes and in both themes, silent, asking nothing outside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Page, expect

from include import page_addresses as addresses
from include import settings
from include.monitoring.monitor import monitor_period
from include.page_addresses import FRAMED, MOUNT, page_path
from include.project import open_project
from include.promotion.model_card import build
from include.scoring import score
from include.web import app, prediction
from tests.conftest import moved_into
from tests.toys import EVENTS
from tests.web.conftest import LAST, VALIDATED_ON, Server, serve
from tests.web.test_browser import CHROMIUM, Visit, browser, visit  # noqa: F401  # fixtures
from tests.web.test_browser_details import faults

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")]
SIZES = ((1366, 768), (1920, 1080))
THEMES = ("light", "dark")
NO_PAGES = {addresses.PROMETHEUS, addresses.STATIC, "/{path:path}"}
"""Routes that serve no page: figures for Prometheus, files of pages, and the refusal of any other path."""
RANGE = {"from": LAST - 20, "to": LAST}
MEASURED: Mapping[str, tuple[str, ...]] = {
    addresses.INDEX: (page_path(addresses.INDEX),),
    addresses.USE_CASE: tuple(page_path(addresses.USE_CASE, name=name) for name in ("toy", "idle")),
    addresses.FEATURES: (page_path(addresses.FEATURES, RANGE, name="toy"),),
    addresses.FEATURE: tuple(
        page_path(addresses.FEATURE, RANGE, name="toy", feature_name=name) for name in ("size", "kind")
    ),
    addresses.PERFORMANCE: (page_path(addresses.PERFORMANCE, RANGE, name="toy"),),
    addresses.METRICS: (page_path(addresses.METRICS, RANGE, name="toy"),),
    addresses.METRIC: (page_path(addresses.METRIC, RANGE, name="toy", metric_name="psi"),),
    addresses.COMPARISON: (
        page_path(addresses.COMPARISON, name="toy"),
        page_path(addresses.COMPARISON, {**RANGE, "version": "3", "with_version": "1"}, name="toy"),
    ),
    addresses.CATALOGUE: (page_path(addresses.CATALOGUE),),
    addresses.DAG_TAB: (page_path(addresses.DAG_TAB, dag_id="toy__train"), page_path(addresses.DAG_TAB, dag_id="no")),
    addresses.VALIDATIONS: (
        page_path(addresses.VALIDATIONS, name="toy"),
        page_path(addresses.VALIDATIONS, name="idle"),
    ),
    addresses.VALIDATION: tuple(
        page_path(addresses.VALIDATION, name="toy", table="events", period=VALIDATED_ON + number) for number in range(4)
    ),
    addresses.DATA_DOCS: (page_path(addresses.DATA_DOCS, name="toy", path="index.html"),),
}
"""Route to its pages in a home with many measured periods, but without models."""
TRAINED: Mapping[str, tuple[str, ...]] = {
    addresses.USE_CASE: (page_path(addresses.USE_CASE, name="toy"),),
    addresses.PREDICTION: (
        page_path(addresses.PREDICTION, name="toy"),
        page_path(addresses.PREDICTION, {"period": EVENTS.as_of}, name="toy"),
        "the first listed row",
    ),
    addresses.CARD: (page_path(addresses.CARD, name="toy", version="1"),),
}
"""The same in a home with a trained model, a card and predictions, but few measured periods."""


@pytest.fixture(scope="module")
def trained(champion_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Airflow's API server with a home in which a model was trained, promoted, scored and measured."""
    home = tmp_path_factory.mktemp("trained") / "home"
    with moved_into(champion_home, home):
        project = open_project(EVENTS.use_case)
        build.build_model_card(project, "1")
        score.score_period(project, EVENTS.as_of)
        monitor_period(project, EVENTS.as_of)
        more = {
            "MLFLOW_TRACKING_URI": os.environ["MLFLOW_TRACKING_URI"],
            "AIRWORTHY_LAKE": settings.current_settings().lake,
        }
        row = prediction.listed_rows(project, EVENTS.as_of)[0]
        (home / "row").write_text(page_path(addresses.PREDICTION, parse_qsl(row.query), name="toy"))
        with serve(home, tmp_path_factory.mktemp("airflow"), **more) as found:
            yield Server(found.address, home / "row")


def silent(visit: Visit, route: str) -> list[str]:  # noqa: F811
    """What the console said, and which other servers were asked.

    The pages of Great Expectations ask other servers for scripts and styles. They are served as they were written, and
    the browser blocks these requests: the console says so. A change of the machine's network is none of a page.
    """
    said, asked = [text for text in visit.complaints if "ERR_NETWORK_CHANGED" not in text], [*visit.asked]
    visit.complaints.clear()
    visit.asked.clear()
    if route == addresses.DATA_DOCS:
        said = [text for text in said if "Content Security Policy" not in text]
        asked = [url for url in asked if not url.startswith("https://cdn.invalid/")]
    return said + [url for url in asked if not url.startswith((visit.server.address, "data:", "blob:"))]


def drawn(page: Page, theme: str) -> None:
    """Wait until all of a page is drawn."""
    expect(page.locator("body")).not_to_be_empty()
    if page.locator("html[data-base]").count():
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
    if page.locator("#figures").count():
        expect(page.locator("html")).to_have_attribute("data-drawn", theme)
    expect(page.locator(".chart.js-plotly-plot")).to_have_count(page.locator(".chart").count())


def look(visit: Visit, route: str, path: str, pictures: Path) -> None:  # noqa: F811
    """Open a page at both sizes and in both themes."""
    for theme in THEMES:
        visit.page.emulate_media(color_scheme=theme)
        for width, height in SIZES:
            visit.page.set_viewport_size({"width": width, "height": height})
            answer = visit.page.goto(f"{visit.server.address}{MOUNT}{path}")
            assert answer is not None and answer.status == 200, path
            drawn(visit.page, theme)
            overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert visit.page.evaluate(overflow) <= 0, (path, theme, width)
            visit.page.screenshot(path=pictures / f"{theme}_{width}.png", full_page=True)
            assert silent(visit, route) == [], (path, theme, width)
        if route != addresses.DATA_DOCS:  # not written here
            assert faults(visit.page) == [], (path, theme)


def test_every_route_of_the_application_is_opened_below():
    routes = {route.path for route in app.page_routes().routes}  # type: ignore[attr-defined]
    assert routes == {*MEASURED, *TRAINED} | NO_PAGES, "add a page to MEASURED or TRAINED when you add its route"


@pytest.mark.parametrize(("route", "path"), [(route, path) for route, paths in MEASURED.items() for path in paths])
def test_a_page_of_measured_periods_is_drawn_and_silent(visit, route, path, tmp_path):  # noqa: F811
    look(visit, route, path, tmp_path)


@pytest.mark.parametrize("path", [MEASURED[route][0] for route in MEASURED if route != addresses.DAG_TAB])
@pytest.mark.parametrize("theme", THEMES)
def test_a_page_is_drawn_and_silent_within_airflows_navigation(visit, path, theme):  # noqa: F811
    visit.page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    visit.page.goto(f"{visit.server.address}{FRAMED}{MOUNT}{path}")
    frame = visit.page.frame_locator("iframe")
    expect(frame.locator("body")).not_to_be_empty()
    if frame.locator("html[data-base]").count():
        expect(frame.locator("html")).to_have_attribute("data-theme", theme)
    if frame.locator("#figures").count():
        expect(frame.locator("html")).to_have_attribute("data-drawn", theme)
    route = next(route for route, paths in MEASURED.items() if path in paths)
    assert silent(visit, route) == []


class TestOfATrainedModel:
    @pytest.fixture
    def server(self, trained: Server) -> Server:
        return trained

    @pytest.mark.parametrize(("route", "path"), [(route, path) for route, paths in TRAINED.items() for path in paths])
    def test_its_page_is_drawn_and_silent(self, visit, route, path, tmp_path):  # noqa: F811
        look(visit, route, path if path.startswith("/") else visit.server.log.read_text(), tmp_path)
