"""The pages of details in real Chromium: drawn, reached by Tab, without serious faults of accessibility."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.sync_api import expect

from tests.web.conftest import LAST, OTHER_TASKS
from tests.web.test_browser import CHROMIUM, browser, visit  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")]
FIRST = LAST - 20
CONTROLS = "a[href], input:not([type=hidden]), select, button, summary, .scroll[tabindex]"
RANGE = f"from={FIRST}&to={LAST}"
PAGES = {
    "overview": f"airworthy/use_case/toy?{RANGE}",
    "features": f"airworthy/use_case/toy/features?{RANGE}",
    "number": f"airworthy/use_case/toy/feature/size?{RANGE}",
    "category": f"airworthy/use_case/toy/feature/kind?{RANGE}",
    "performance": f"airworthy/use_case/toy/performance?{RANGE}",
    "metrics": f"airworthy/use_case/toy/metrics?{RANGE}",
    "metric": f"airworthy/use_case/toy/metric/psi?{RANGE}",
    "compare": f"airworthy/use_case/toy/compare?{RANGE}",
    "versions": f"airworthy/use_case/toy/compare?{RANGE}&version=3&with_version=1&with_from={FIRST}&with_to={LAST}",
    **{each.name: f"airworthy/use_case/{each.name}/performance" for each in OTHER_TASKS},
}


def show(visit, path: str, theme: str = "light", width: int = 1366, height: int = 768) -> None:  # noqa: F811
    visit.page.emulate_media(color_scheme=theme)
    visit.page.set_viewport_size({"width": width, "height": height})
    visit.go(path)
    expect(visit.page.locator(f'html[data-drawn="{theme}"]')).to_be_attached()


def faults(page) -> list[str]:
    """What axe-core finds that is serious, or worse; with each page's details opened."""
    for summary in page.locator("details > summary").all():
        summary.click()
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())  # run `make setup` if it is missing
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['target']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_in_both_themes_and_sizes_without_faults_or_outside_requests(visit, name):  # noqa: F811
    for theme, width, height in (("light", 1366, 768), ("dark", 1920, 1080)):
        show(visit, PAGES[name], theme, width, height)
        charts = visit.page.locator(".chart")
        expect(visit.page.locator(".chart.js-plotly-plot")).to_have_count(charts.count())
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visit.page.evaluate(overflow) <= 0, (theme, width)
        assert faults(visit.page) == [], theme
    assert visit.complaints == []
    assert [url for url in visit.asked if not url.startswith((visit.server.address, "data:", "blob:"))] == []


def test_a_click_on_a_row_of_the_heat_map_opens_the_features_page_with_the_range(visit):  # noqa: F811
    show(visit, PAGES["overview"])
    visit.page.locator("#chart-heat").scroll_into_view_if_needed()
    box = visit.page.locator("#chart-heat .nsewdrag").bounding_box()
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 8
    visit.page.mouse.move(*place)
    expect(visit.page.locator("#chart-heat .hovertext")).to_be_visible()  # Plotly clicks on what it hovers over
    visit.page.mouse.click(*place)
    visit.page.wait_for_url(lambda url: url.endswith(f"/use_case/toy/feature/size?{RANGE}"))
    expect(visit.page.locator("#chart-distribution .main-svg").first).to_be_visible()


def test_every_link_and_control_is_reached_by_tab(visit):  # noqa: F811
    for name in ("overview", "features", "compare"):
        show(visit, PAGES[name])
        wanted = visit.page.evaluate(
            f"[...document.querySelectorAll({CONTROLS!r})]"
            ".filter(each => each.checkVisibility()).map((each, n) => (each.dataset.n = n, String(n)))"
        )
        visit.page.evaluate(
            "window.reached = []; document.addEventListener('focusin', (event) => reached.push(event.target.dataset.n))"
        )
        for _ in range(len(wanted) + 20):  # a field of a date has several parts
            visit.page.keyboard.press("Tab")
        reached = set(visit.page.evaluate("window.reached"))
        assert set(wanted) - reached == set(), name


def test_the_table_behind_a_chart_has_its_values_and_links(visit):  # noqa: F811
    show(visit, PAGES["features"])
    visit.page.locator("details[data-values=heat] summary").focus()
    visit.page.keyboard.press("Enter")
    rows = visit.page.locator("details[data-values=heat] tbody tr")
    expect(rows).to_have_count(4)
    link = rows.first.get_by_role("link", name="size")
    expect(link).to_have_attribute("href", f"/airworthy/use_case/toy/feature/size?{RANGE}")
    expect(visit.page.locator("details[data-values=heat] thead th").last).to_have_text(LAST.key)


def test_a_free_range_is_kept_in_the_address_and_while_moving_between_pages(visit):  # noqa: F811
    visit.go(f"plugin/airworthy/airworthy/use_case/toy?period={LAST}")
    frame = visit.framed()
    frame.get_by_label("First day").fill("2020-08-01")
    frame.get_by_label("Last day").fill("2020-08-20")
    frame.get_by_role("button", name="Show").click()
    visit.page.wait_for_url(lambda url: "from=2020-08-01&to=2020-08-20" in url)
    frame.get_by_role("link", name="Performance").click()
    visit.page.wait_for_url(lambda url: url.endswith("/use_case/toy/performance?from=2020-08-01&to=2020-08-20"))


def test_the_tab_of_a_dag_has_the_range_in_its_address_which_can_be_shared(visit):  # noqa: F811
    tab = f"{visit.server.address}/dags/toy__monitor/plugin/airworthy_dag"
    visit.page.goto(tab)
    frame = visit.framed()
    frame.get_by_label("First day").fill("2020-08-01")
    frame.get_by_label("Last day").fill("2020-08-20")
    frame.get_by_role("button", name="Show").click()
    visit.page.wait_for_url(lambda url: "?airworthy=" in url and url.endswith("2020-08-20"))
    shared = visit.page.url
    visit.page.goto(f"{visit.server.address}/dags")
    visit.page.goto(shared)
    expect(visit.framed().get_by_label("Last day")).to_have_value("2020-08-20")
    assert visit.page.url == shared
    visit.framed().get_by_role("link", name="newest").click()
    visit.page.wait_for_url(lambda url: url == tab)
