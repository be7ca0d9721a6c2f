"""The page in real Chromium, within Airflow: rendered in both themes, without external requests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page, expect, sync_playwright

from include.model.metrics import METRICS
from tests.web import measured
from tests.web.conftest import HOSTILE_VALUE, LAST, NUMBERS, OTHER_TASKS, VALIDATED_ON, Server

CHROMIUM = shutil.which(os.environ.get("AIRWORTHY_CHROMIUM", "chromium"))
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")]
CHARTS = 8
expect.set_options(timeout=20 * 60_000)  # several cores' worth of tests may run at the same time
DEEP = f"airworthy/use_case/toy?period={LAST}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Root has no sandbox, nor has a runner of GitHub, whose kernel refuses it namespaces.
    flags = ["--no-sandbox"] if os.geteuid() == 0 or os.environ.get("CI") else []
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=CHROMIUM, args=flags) as found:
        yield found


@dataclass
class Visit:
    """A person's window, and all that it asked for."""

    page: Page
    server: Server
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.server.address}/{path}")

    def framed(self) -> FrameLocator:
        """The page within Airflow's frame, once all of it is drawn."""
        frame = self.page.frame_locator("iframe")
        expect(frame.locator("html[data-drawn]")).to_be_attached()
        expect(frame.locator(".chart .main-svg").first).to_be_visible()
        return frame


@pytest.fixture
def visit(browser, server) -> Iterator[Visit]:
    """A viewer, logged in by the form, on a laptop."""
    context = browser.new_context(viewport={"width": 1366, "height": 768}, color_scheme="light")
    context.set_default_timeout(20 * 60_000)
    page = context.new_page()
    page.goto(server.address)
    page.get_by_label("Username").fill("vera")
    page.locator("input[type=password]").fill("vera")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Dags", exact=True)).to_be_visible()
    found = Visit(page, server)
    context.on("request", lambda request: found.asked.append(request.url))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("console", lambda message: _heard(found, message))
    yield found
    context.close()


def _heard(visit: Visit, message: ConsoleMessage) -> None:
    if message.type == "error":
        visit.complaints.append(message.text)


def test_the_navigation_leads_to_the_page_and_every_chart_is_drawn(visit):
    visit.page.get_by_role("link", name="Airworthy").first.click()
    frame = visit.page.frame_locator("iframe")
    frame.get_by_role("link", name="toy").click()
    frame = visit.framed()
    expect(frame.locator("#state")).to_contain_text("stale")
    expect(frame.locator(".chart.js-plotly-plot")).to_have_count(CHARTS)
    expect(frame.locator("#chart-heat .heatmaplayer image")).to_be_attached()
    assert visit.complaints == []


def test_nothing_is_asked_of_any_other_place(visit):
    visit.go(f"plugin/airworthy/{DEEP}")
    visit.framed()
    foreign = [url for url in visit.asked if not url.startswith((visit.server.address, "data:", "blob:"))]
    assert foreign == []
    assert any("plotly.js" in url for url in visit.asked)


def test_the_page_follows_airflows_own_switch_of_light_and_dark(visit):
    visit.go(f"plugin/airworthy/{DEEP}")
    root = visit.framed().locator("html")
    expect(root).to_have_attribute("data-theme", "light")
    title = visit.page.frame_locator("iframe").locator("#chart-log_loss .xtick text").first
    before = title.evaluate("node => getComputedStyle(node).fill")
    visit.page.evaluate("localStorage.setItem('theme', 'dark')")
    visit.page.reload()
    root = visit.framed().locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(root).to_have_attribute("data-drawn", "dark")
    after = visit.page.frame_locator("iframe").locator("#chart-log_loss .xtick text").first
    assert after.evaluate("node => getComputedStyle(node).fill") != before


def test_the_switch_turned_while_one_looks_redraws_the_charts(visit):
    visit.go(f"plugin/airworthy/{DEEP}")
    root = visit.framed().locator("html")
    visit.page.evaluate("document.documentElement.classList.replace('light', 'dark')")
    expect(root).to_have_attribute("data-drawn", "dark")


def test_on_its_own_the_page_follows_the_system(visit):
    visit.page.emulate_media(color_scheme="dark")
    visit.go(DEEP)
    expect(visit.page.locator("html")).to_have_attribute("data-drawn", "dark")


def test_a_link_to_airflow_leaves_the_frame_and_one_elsewhere_opens_a_window(visit):
    visit.go(f"plugin/airworthy/{DEEP}")
    link = visit.framed().locator(".links a").filter(has_text="MLflow")
    visit.page.context.route("http://localhost:5000/**", lambda route: route.fulfill(body="registry"))
    with visit.page.context.expect_page() as opened:
        link.click()
    assert "/#/models/toy/versions/3" in opened.value.url
    visit.page.frame_locator("iframe").locator(".links a", has_text="train").last.click()
    visit.page.wait_for_url("**/dags/toy__train")
    assert visit.page.url == f"{visit.server.address}/dags/toy__train"


def test_an_earlier_day_is_chosen_within_the_frame_and_kept_in_the_address(visit):
    visit.go(f"plugin/airworthy/{DEEP}")
    frame = visit.framed()
    frame.get_by_label("Last day").fill("2020-08-20")
    frame.get_by_role("button", name="Show").click()
    expect(visit.framed().locator("#state")).to_contain_text("degraded")
    visit.page.wait_for_url("**to=2020-08-20*")


def test_what_a_reason_says_is_text_and_never_runs(visit):
    spoken: list[str] = []
    visit.page.on("dialog", lambda dialog: (spoken.append(dialog.message), dialog.dismiss()))
    visit.go(DEEP)
    expect(visit.page.locator("#decisions")).to_contain_text("<script>alert('drift')</script>")
    assert spoken == [] and visit.complaints == []


def test_a_laptop_and_a_narrow_window_need_no_sideways_scrolling(visit):
    for width in (1366, 700):
        visit.page.set_viewport_size({"width": width, "height": 768})
        visit.go(DEEP)
        expect(visit.page.locator("html[data-drawn]")).to_be_attached()
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(overflow) <= 0


def test_a_use_case_without_runs_says_what_to_do(visit):
    visit.go("airworthy/use_case/idle")
    expect(visit.page.locator("#state")).to_contain_text("trigger idle__train")
    expect(visit.page.locator("main")).to_contain_text("idle__monitor")
    assert visit.complaints == []


def test_the_catalogue_is_searched_with_the_keyboard_alone(visit):
    visit.go("plugin/airworthy/airworthy/catalogue")
    frame = visit.page.frame_locator("iframe")
    rows = frame.locator("#features tbody tr:visible")
    expect(frame.get_by_role("heading", name="Feature catalogue")).to_be_visible()
    every = rows.count()
    frame.get_by_role("heading", name="Feature catalogue").click()  # the keyboard is the frame's
    visit.page.keyboard.press("/")
    expect(frame.get_by_label("Search", exact=True)).to_be_focused()
    visit.page.keyboard.type("mean defects")
    expect(rows).to_have_count(1)
    expect(frame.get_by_role("status")).to_contain_text("1 of")
    visit.page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    visit.page.keyboard.press("ControlOrMeta+A")
    visit.page.keyboard.press("Delete")
    expect(rows).to_have_count(every)
    assert visit.complaints == []
    foreign = [url for url in visit.asked if not url.startswith((visit.server.address, "data:", "blob:"))]
    assert foreign == []


def test_the_validation_page_is_reached_by_clicks_and_shows_what_to_enter(visit):
    visit.go(f"plugin/airworthy/{DEEP}")
    visit.framed().get_by_role("link", name="validation", exact=True).click()
    frame = visit.page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Validation of toy")).to_be_visible()
    expect(frame.locator("#table-events a.cell.refused")).to_have_count(1)
    frame.locator("#table-events a.cell.quarantined").click()
    expect(frame.locator("#outcome")).to_contain_text("198 rows; 2 quarantined")
    expect(frame.locator("#rows tbody tr")).to_have_count(2)
    expect(frame.locator("#rows")).to_contain_text(HOSTILE_VALUE)
    expect(frame.locator("#suite tr.unmet")).to_have_count(1)
    copy = frame.locator("button.copy").first
    copy.click()
    expect(copy).to_have_text("Copied")
    assert visit.complaints == []
    foreign = [url for url in visit.asked if not url.startswith((visit.server.address, "data:", "blob:"))]
    assert foreign == []
    frame.get_by_role("link", name="toy__quarantine").click()
    visit.page.wait_for_url("**/dags/toy__quarantine")


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)], ids=str)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_validation_pages_are_drawn_at_both_sizes_and_in_both_themes(visit, size, scheme, tmp_path):
    visit.page.emulate_media(color_scheme=scheme)
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    for number, path in enumerate(("", f"/events/{VALIDATED_ON + 1}", f"/events/{VALIDATED_ON + 2}")):
        visit.go(f"airworthy/validation/toy{path}")
        expect(visit.page.locator("html")).to_have_attribute("data-theme", scheme)
        expect(visit.page.locator(".panel").first).to_be_visible()
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(overflow) <= 0
        visit.page.screenshot(path=tmp_path / f"{number}_{scheme}_{size[0]}.png", full_page=True)
    assert visit.complaints == []


def test_the_page_says_what_runs_now_and_when_it_was_made(visit, tmp_path):
    visit.go(f"airworthy/use_case/toy?period={LAST}")
    today = visit.page.locator("#today")
    expect(today).to_contain_text("data ·")
    expect(today).to_contain_text("2 open quarantined rows")
    expect(today.get_by_role("link", name="refresh")).to_be_visible()
    visit.page.screenshot(path=tmp_path / "today.png")
    assert visit.complaints == []


@pytest.mark.parametrize("use_case", OTHER_TASKS, ids=lambda each: each.name)
def test_every_task_has_its_page_in_its_own_words(visit, use_case):
    task, complaints = use_case.task, visit.complaints
    visit.go(f"airworthy/use_case/{use_case.name}?period={measured.period_of(NUMBERS[39])}")
    expect(visit.page.locator("html[data-drawn]")).to_be_attached()
    for metric in task.charted[:2]:  # those that `measured` writes
        expect(visit.page.locator(f"#chart-{metric} .main-svg").first).to_be_attached()
        expect(visit.page.locator("main")).to_contain_text(METRICS[metric].title)
    lead = f"the lead in {METRICS[task.main_metric].label} over the {task.baselines[0]} is"
    expect(visit.page.locator("main")).to_contain_text(lead)
    if METRICS[task.main_metric].unit == "label":
        expect(visit.page.locator("main")).to_contain_text(f"{task.label_unit} smaller than in the test periods")
    said = visit.page.locator("main").inner_text().casefold()
    foreign = ("probabilit", "log loss", "AUC", "logistic") if "probability" not in str(task.prediction_columns) else ()
    assert [word for word in foreign if word.casefold() in said] == []
    assert "is positive" not in said and "predicted positive" not in said
    assert complaints == []
