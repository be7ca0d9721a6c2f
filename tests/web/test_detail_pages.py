"""The pages of details as HTML: every task, ranges, foreign texts, and nothing measured."""

import json
import re

import plotly.graph_objects as go
import pytest

from include.lake.lake import Lake
from include.project import open_project
from include.use_case import UseCase
from include.web import detail_pages, html
from include.web.date_range import DateRange
from tests import toy
from tests.web import detailed, measured
from tests.web.conftest import LAST, NUMBERS, OTHER_TASKS
from tests.web.measured import Row, period_of

RANGE = DateRange(period_of(NUMBERS[39]), 20, is_free=True)
HOSTILE = "</script><script>alert(1)</script>\u202e"


def pages(use_case: UseCase, dates: DateRange = RANGE) -> dict[str, str]:
    project, feature, metric = open_project(use_case), next(iter(use_case.features)), use_case.task.main_metric
    return {
        "features": detail_pages.features_page(project, dates, "/airworthy"),
        "feature": detail_pages.feature_page(project, dates, "/airworthy", feature) or "",
        "performance": detail_pages.performance_page(project, dates, "/airworthy"),
        "metrics": detail_pages.metrics_page(project, dates, "/airworthy"),
        "metric": detail_pages.metric_page(project, dates, "/airworthy", f"window/{metric}") or "",
        "compare": detail_pages.compare_page(project, dates, None, "/airworthy"),
        "versions": detail_pages.compare_page(project, dates, dates, "/airworthy", ("1", "3")),
    }


def figures(text: str) -> dict:
    return json.loads(text.split('id="figures">')[1].split("</script>", maxsplit=1)[0])


@pytest.mark.parametrize("use_case", [toy.USE_CASE, *OTHER_TASKS], ids=lambda each: each.name)
def test_every_page_of_every_task_has_figures_that_plotly_knows_in_colours_of_both_themes(at_home, use_case):
    css = (html.HERE / "static" / "page.css").read_text()
    light, dark = css.split(':root[data-theme="dark"]')
    for name, text in pages(use_case).items():
        drawn = figures(text)
        assert drawn or name == "metrics", name
        for figure in drawn.values():
            go.Figure(json.loads(re.sub(r"var\(--[a-z-]+\)", "#123456", json.dumps(figure, allow_nan=False))))
        for colour in set(re.findall(r"var\((--[a-z-]+)\)", json.dumps(drawn))):
            assert f"{colour}:" in light and f"{colour}:" in dark.split("}")[0], (name, colour)


def test_every_link_between_the_pages_keeps_the_range(at_home):
    for name, text in pages(toy.USE_CASE).items():
        views = re.search(r'<nav class="views".*?</nav>', text, re.DOTALL)[0]
        assert views.count(f"from={RANGE.last - 19}&amp;to={RANGE.last}") == 5, name
    listed = pages(toy.USE_CASE)["features"]
    for feature in toy.USE_CASE.features:
        assert f'href="/airworthy/use_case/toy/feature/{feature}?from={RANGE.last - 19}&amp;to={RANGE.last}"' in listed


def test_the_metrics_page_links_every_stored_metric(at_home):
    text = pages(toy.USE_CASE)["metrics"]
    for metric in ("psi", "null_share", "unseen_share", "feature_mean", "confusion", "slice/log_loss", "window/auc"):
        assert f'href="/airworthy/use_case/toy/metric/{metric}?' in text, metric


def test_one_subject_of_a_metric_is_chosen_by_its_key_and_has_every_value(at_home):
    from include.web.stored_metrics import subject_key

    project, key = open_project(toy.USE_CASE), subject_key("size")
    text = detail_pages.metric_page(project, RANGE, "/airworthy", "psi", key)
    assert "Every value of size, newest first" in text and 'name="of" value="' + key in text
    assert len(figures(text)["series"]["data"]) >= 2  # the value and its limit
    assert detail_pages.metric_page(project, RANGE, "/airworthy", "nothing") is None


def test_the_champion_is_next_to_the_challenger_also_on_the_same_rows(at_home):
    text = pages(toy.USE_CASE, DateRange(LAST, 20, is_free=True))["versions"]
    assert "its champion, on the same rows as version 3" in text
    assert f"{detailed.CHAMPION_ON_TEST['log_loss']:.4g}" in text and "promotion from" in text


def test_without_a_second_range_the_one_before_of_the_same_length_is_compared(at_home):
    text = pages(toy.USE_CASE)["compare"]
    first = RANGE.last - 19
    assert f'name="with_from" value="{first - 20}"' in text and f'name="with_to" value="{first - 1}"' in text


def test_no_foreign_text_becomes_markup(lake_home):
    day = period_of(0)
    measured.promote(toy.USE_CASE, "1", day, reason=HOSTILE)
    rows = [
        Row("psi", HOSTILE, 2.0, day, "1", limit=0.2, breached=True),
        Row("importance", HOSTILE, 0.5, day, "1"),
        Row("slice/log_loss", f"kind: {HOSTILE}", 0.5, day, "1"),
        Row("slice_rows", f"kind: {HOSTILE}", 50, day, "1"),
        Row("missing_predictions", "predictions", None, day, None, missing_reason=HOSTILE),
        Row("window/log_loss", HOSTILE, 0.5, day, HOSTILE),
    ]
    measured.write(Lake.open(toy.USE_CASE), day, rows)
    dates, project = DateRange(day, 5, is_free=True), open_project(toy.USE_CASE)
    texts = pages(toy.USE_CASE, dates)
    texts["of it"] = detail_pages.feature_page(project, dates, "/airworthy", HOSTILE)
    texts["reason"] = detail_pages.metric_page(project, dates, "/airworthy", "missing_predictions")
    for name, text in texts.items():
        assert "<script>alert" not in text and "</script><script>" not in text, name
        assert "\u202e" not in text, name
    assert "alert(1)" in texts["features"] and "alert(1)" in texts["performance"] and "alert(1)" in texts["of it"]


def test_where_nothing_was_measured_every_page_says_so_and_makes_no_table(lake_home):
    texts = pages(toy.USE_CASE, DateRange(None, 90))
    assert "Drift was not measured" in texts["features"] and "No period of the range has rows" in texts["feature"]
    assert "No period has labels yet" in texts["performance"] and "Nothing was measured" in texts["metrics"]
    assert texts["metric"] == "" and "Nothing was measured on either side" in texts["compare"]
    assert not lake_home.exists()


def test_a_feature_that_is_neither_declared_nor_measured_has_no_page(lake_home):
    dates = DateRange(period_of(3), 3)
    assert detail_pages.feature_page(open_project(toy.USE_CASE), dates, "/airworthy", "nothing") is None


def test_a_damaged_table_is_reported_without_a_path(lake_home):
    measured.fill(toy.USE_CASE, range(3))
    for path in (lake_home / "lake" / "toy" / "metrics").rglob("*.parquet"):
        path.write_bytes(b"damaged")
    for name, text in pages(toy.USE_CASE, DateRange(period_of(2), 3, is_free=True)).items():
        assert name == "metric" or "is damaged" in text, name
        assert str(lake_home) not in text


def test_the_champion_that_a_comparison_offers_is_that_of_the_last_period_not_of_the_newest_entry(lake_home):
    measured.fill(toy.USE_CASE, range(10))
    measured.promote(toy.USE_CASE, "1", period_of(5))
    measured.promote(toy.USE_CASE, "2", period_of(2))
    text = detail_pages.compare_page(
        open_project(toy.USE_CASE), DateRange(period_of(9), 10, is_free=True), None, "/airworthy"
    )
    assert "version 2 and the champion, version 1<" in text and "the champion, version 2<" not in text


def test_a_comparison_without_earlier_measures_opens_with_the_halves_of_the_newest_ones(lake_home):
    measured.fill(toy.USE_CASE, range(10))
    project = open_project(toy.USE_CASE)
    text = detail_pages.compare_page(project, DateRange(None, 90), None, "/airworthy")
    fields = dict(re.findall(r'name="(\w+)" value="([-0-9]+)"', text))
    assert fields == {
        "with_from": str(period_of(0)), "with_to": str(period_of(4)),
        "from": str(period_of(5)), "to": str(period_of(9)),
    }  # fmt: skip
    measured.fill(toy.USE_CASE, range(10, 50))
    again = dict(re.findall(
        r'name="(\w+)" value="([-0-9]+)"', detail_pages.compare_page(project, DateRange(None, 90), None, "/airworthy")
    ))  # fmt: skip
    assert again["from"] == str(period_of(20)) and again["with_to"] == str(period_of(19)), "a month and what was before"
