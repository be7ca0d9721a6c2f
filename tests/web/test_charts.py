"""The figures of a measured use case, checked by Plotly's own validators."""

import json
import re

import plotly.graph_objects as go
import pytest

from include.lake.lake import Lake
from include.project import open_project
from include.web import charts, overview
from tests import toy
from tests.web import measured
from tests.web.conftest import LAST
from tests.web.measured import Row, period_of

NAMES = {"log_loss", "auc", "heat", "weighted_drift", "prediction_drift", "rates", "volumes", "quarantine"}


@pytest.fixture
def drawn(at_home):
    return charts.all_charts(overview.build_overview(open_project(toy.USE_CASE), LAST))


def test_every_figure_is_one_that_plotly_knows(drawn):
    assert set(drawn) == NAMES
    for figure in drawn.values():
        go.Figure(json.loads(re.sub(r"var\(--[a-z-]+\)", "#123456", json.dumps(figure, allow_nan=False))))


def test_every_colour_is_one_of_the_style_sheet_in_both_themes(drawn):
    from include.web import html

    css = (html.HERE / "static" / "page.css").read_text()
    light, dark = css.split(':root[data-theme="dark"]')
    for colour in set(re.findall(r"var\((--[a-z-]+)\)", json.dumps(drawn))):
        assert f"{colour}:" in light and f"{colour}:" in dark.split("}")[0], colour


def test_where_a_limit_broke_there_is_a_mark_on_that_day(drawn):
    marked = next(trace for trace in drawn["log_loss"]["data"] if trace["name"] == "broken")
    seen = overview.build_overview(open_project(toy.USE_CASE), LAST)
    assert marked["x"] == [
        row.period.key for row in seen.measures.rows_of("skill_loss/log_loss", "prior") if row.breached
    ]
    assert marked["x"]


def test_a_day_that_was_not_measured_is_a_gap_and_shaded(lake_home):
    measured.fill(toy.USE_CASE, range(117, 128))
    drawn = charts.all_charts(overview.build_overview(open_project(toy.USE_CASE), period_of(127)))
    line = next(trace for trace in drawn["weighted_drift"]["data"] if trace["name"] == "weighted drift")
    values = dict(zip(line["x"], line["y"], strict=True))
    assert [values[period_of(number).key] for number in measured.GAP] == [None] * 5
    assert line["connectgaps"] is False
    shade = next(shape for shape in drawn["weighted_drift"]["layout"]["shapes"] if shape["type"] == "rect")
    assert shade["x0"].startswith(str(period_of(120))) and shade["x1"].startswith(str(period_of(124)))


def test_without_labels_or_predictions_there_is_no_figure_of_them(lake_home):
    missing_reason = "No predictions. Run toy__score."
    silent = [
        Row(metric, "events", None, period_of(0), None, missing_reason=missing_reason)
        for metric in ("missing_predictions", "published", "psi")
    ]
    measured.write(Lake.open(toy.USE_CASE), period_of(0), silent)
    assert charts.all_charts(overview.build_overview(open_project(toy.USE_CASE), period_of(0))) == {}


def test_the_days_that_are_drawn_end_with_the_day_looked_at(drawn):
    assert drawn["auc"]["layout"]["xaxis"]["range"][1].startswith(str(LAST))


def test_every_feed_has_a_band_of_its_own_with_room_in_it(lake_home):
    feeds = [f"feed{n:02}" for n in range(30)]
    rows = [Row(metric, feed, 9, period_of(0), "1") for feed in feeds for metric in ("published", "quarantined")]
    measured.write(Lake.open(toy.USE_CASE), period_of(0), rows)
    layout = charts.all_charts(overview.build_overview(open_project(toy.USE_CASE), period_of(0)))["volumes"]["layout"]
    bands = [axis for name, axis in layout.items() if name.startswith("yaxis")]
    tops = {axis["domain"][1] for axis in bands}
    assert {name["text"]: name["y"] in tops for name in layout["annotations"]} == dict.fromkeys(feeds, True)
    assert len({name["y"] for name in layout["annotations"]}) == len(feeds)
    assert all((axis["domain"][1] - axis["domain"][0]) * layout["height"] > 40 for axis in bands)


def test_a_day_that_was_refused_is_shaded_among_the_bars(lake_home):
    lake = Lake.open(toy.USE_CASE)
    for number, passed in ((0, 9.0), (1, None)):
        period, missing_reason = period_of(number), "" if passed else "Nothing of the day is published."
        rows = [
            Row(metric, "events", passed, period, "1", missing_reason=missing_reason)
            for metric in ("published", "quarantined")
        ]
        rows += [Row("quarantined_by_reason", "events: size", passed, period, "1")] if passed else []
        measured.write(lake, period, rows)
    drawn = charts.all_charts(overview.build_overview(open_project(toy.USE_CASE), period_of(1)))
    for name in ("volumes", "quarantine"):
        assert [shape["x0"][:10] for shape in drawn[name]["layout"]["shapes"]] == [str(period_of(1))], name


@pytest.mark.parametrize(("periods", "daily"), [(4, True), (20, False)])
def test_of_a_few_days_each_is_named_once(lake_home, periods, daily):
    measured.fill(toy.USE_CASE, range(40, 40 + periods))
    layout = charts.all_charts(overview.build_overview(open_project(toy.USE_CASE), period_of(39 + periods)))["auc"][
        "layout"
    ]
    assert ("dtick" in layout["xaxis"]) == daily


def test_a_single_day_has_bars_as_wide_as_a_day(lake_home):
    measured.fill(toy.USE_CASE, range(40, 41))
    bars = charts.all_charts(overview.build_overview(open_project(toy.USE_CASE), period_of(40)))["volumes"]["data"]
    day = 24 * 3600 * 1000
    assert bars and all(day / 2 < bar["width"] < day for bar in bars)


def test_the_model_is_first_in_the_legend_and_the_axis_names_the_year(drawn):
    ranks = {trace["name"]: trace.get("legendrank", 1000) for trace in drawn["log_loss"]["data"]}
    assert min(ranks, key=ranks.__getitem__) == "model"
    assert "%Y" in drawn["log_loss"]["layout"]["xaxis"]["tickformat"]
