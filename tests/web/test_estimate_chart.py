"""Estimates are drawn as such, next to what came true."""

import json
import re

import plotly.graph_objects as go

from include.lake.lake import Lake
from include.project import open_project
from include.web import estimate_chart, html, overview
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of


def fill(days: int, missed: tuple[int, ...] = ()) -> None:
    """Days with an estimate of 0.5, within 0.1; labels come two days later, at 0.55 or, where missed, at 0.9."""
    use_case = toy.USE_CASE
    measured.promote(use_case, "1", period_of(0))
    for number in range(days):
        period = period_of(number)
        rows = [
            Row("estimated/log_loss", "model", 0.5, period, "1", 0.4, 0.6),
            Row("attribution_drift", "features", 0.1, period, "1", limit=0.2, breached=False),
        ]
        if number >= 2:
            value = 0.9 if number - 2 in missed else 0.55
            rows.append(Row("log_loss", "model", value, period - 2, "1"))
            rows.append(Row("estimate_error/log_loss", "model", value - 0.5, period - 2, "1", -0.1, 0.1))
        measured.write(Lake.open(use_case), period, rows)


def seen(number: int):
    return overview.build_overview(open_project(toy.USE_CASE), period_of(number), period_of(number))


def traces(number: int) -> dict[str, dict]:
    return {trace["name"]: trace for trace in estimate_chart.estimate_charts(seen(number))["estimated"]["data"]}


def test_the_estimate_is_dashed_and_named_and_what_came_true_is_not(lake_home):
    fill(10)
    drawn = traces(9)
    assert drawn["estimated"]["line"]["dash"] == "dash" and drawn["came true"]["line"]["dash"] == "solid"
    assert drawn["estimated"]["y"] == [0.5] * 10
    assert drawn["came true"]["y"] == [0.55] * 8 + [None, None], "at the day that it is about"
    assert "outside the interval" not in drawn


def test_a_value_outside_of_its_interval_is_marked_on_its_day(lake_home):
    fill(10, missed=(3,))
    marked = traces(9)["outside the interval"]
    assert (marked["x"], marked["y"]) == ([period_of(3).key], [0.9])


def test_the_record_is_said_and_why_it_does_not_count_yet(lake_home):
    fill(10, missed=(3,))
    text = estimate_chart.estimate_texts(seen(9))["record"]
    assert "held in 7 of 8 labelled days" in text and "cannot trigger a training yet" in text
    fill(62)
    assert estimate_chart.estimate_texts(seen(61))["record"] == "The interval held in 60 of 60 labelled days."


def test_without_an_estimate_the_reason_is_said_and_nothing_is_drawn(lake_home):
    row = Row("estimated/log_loss", "model", None, period_of(0), "1", missing_reason="The version is <b>old</b>.")
    measured.write(Lake.open(toy.USE_CASE), period_of(0), [row])
    assert "estimated" not in estimate_chart.estimate_charts(seen(0))
    page = html.use_case_page(seen(0), "/airworthy", span=90, chosen=False, several=False)
    assert "The version is &lt;b&gt;old&lt;/b&gt;." in page


def test_the_charts_are_known_to_plotly_and_on_the_page(lake_home):
    fill(10)
    figures = estimate_chart.estimate_charts(seen(9))
    assert figures.keys() == {"estimated", "attribution_drift"}
    for figure in figures.values():
        go.Figure(json.loads(re.sub(r"var\(--[a-z-]+\)", "#123456", json.dumps(figure, allow_nan=False))))
    page = html.use_case_page(seen(9), "/airworthy", span=90, chosen=False, several=False)
    assert 'data-figure="estimated"' in page and "held in 8 of 8 labelled days" in page


def test_a_single_measured_day_is_drawn(lake_home):
    fill(1)
    assert traces(0)["estimated"]["mode"] == "lines+markers"


def test_a_table_is_behind_both_charts_and_the_record_below_them(lake_home):
    fill(10)
    text = html.use_case_page(seen(9), "/airworthy", span=90, chosen=True, several=False)
    for chart in ("estimated", "attribution_drift"):
        assert f'data-figure="{chart}"' in text and f'data-values="{chart}"' in text, chart
    assert "held in 8 of 8 labelled days" in text
