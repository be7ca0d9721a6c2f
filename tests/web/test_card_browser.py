"""The model card on Airflow's API server and in real Chromium, with a trained and promoted model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from include import settings
from include.project import open_project
from include.promotion.model_card import build
from tests.conftest import moved_into
from tests.toy_use_case import USE_CASE
from tests.web.conftest import Server, serve
from tests.web.test_browser import CHROMIUM, Visit, browser, visit  # noqa: F401  # fixtures

pytestmark = [pytest.mark.slow, pytest.mark.security]
CARD = "airworthy/card/toy/1"
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
SIZES = ({"width": 1366, "height": 768}, {"width": 1920, "height": 1080})


@pytest.fixture(scope="module")
def server(champion_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Airflow's API server with a home that has a trained model and its card."""
    home = tmp_path_factory.mktemp("cards") / "home"
    with moved_into(champion_home, home):
        build.build_model_card(open_project(USE_CASE), "1")
        where = settings.current_settings()
        tracking = os.environ["MLFLOW_TRACKING_URI"]
        airflow = tmp_path_factory.mktemp("airflow")
        with serve(home, airflow, MLFLOW_TRACKING_URI=tracking, AIRWORTHY_LAKE=where.lake) as found:
            yield found


def test_who_may_read_the_use_case_gets_the_card_with_the_headers_of_the_page(server):
    with server.client("vera") as client:
        answer = client.get(f"/{CARD}")
    assert answer.status_code == 200 and "champion of" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "script-src" not in policy and "http" not in policy
    assert "no-store" in answer.headers["Cache-Control"]


def test_who_may_not_gets_nothing(server):
    with server.client() as anonymous, server.client("norman") as norman:
        assert anonymous.get(f"/{CARD}").status_code == 401
        answer = norman.get(f"/{CARD}")
        assert answer.status_code == 404 and "champion of" not in answer.text


def test_a_version_that_does_not_exist_is_said(server):
    with server.client("vera") as client:
        answer = client.get("/airworthy/card/toy/99")
    assert answer.status_code == 404 and "there is no such version" in answer.text


@needs_chromium
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size["width"]))
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_card_is_drawn_without_errors_or_outside_requests(visit: Visit, size, theme):  # noqa: F811
    visit.page.set_viewport_size(size)
    visit.page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    visit.go(f"plugin/airworthy/{CARD}")
    frame = visit.page.frame_locator("iframe")
    expect(frame.locator("html")).to_have_attribute("data-theme", theme)
    expect(frame.locator("#promotion")).to_contain_text("Promoted by")
    image = frame.locator("main img").first
    expect(image).to_be_visible()
    assert image.evaluate("image => image.complete && image.naturalWidth") > 100
    assert frame.locator("html").evaluate("root => root.scrollWidth <= root.clientWidth")
    assert visit.complaints == []
    assert [url for url in visit.asked if not url.startswith((visit.server.address, "data:", "blob:"))] == []


@needs_chromium
def test_every_section_and_link_is_reached_by_the_tab_key(visit: Visit):  # noqa: F811
    visit.go(CARD)
    links = visit.page.locator("nav[aria-label=Sections] a")
    expect(links.first).to_be_visible()
    links.first.focus()
    visit.page.keyboard.press("Tab")
    expect(links.nth(1)).to_be_focused()
    visit.page.keyboard.press("Enter")
    assert visit.page.url.endswith("#what-it-is-not-for")
