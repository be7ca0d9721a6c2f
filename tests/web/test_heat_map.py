"""The heat map of drift: each cell against its own limit, the features with most breaches first."""

import pytest

from include.lake.lake import Lake
from include.project import open_project
from include.web import heat_map, overview
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of


def psi(name: str, value: float | None, limit: float | None = 0.5, share: float = 0.1, number: int = 0) -> list[Row]:
    breached = None if value is None or limit is None else value > limit
    day = period_of(number)
    return [
        Row("psi", name, value, day, "1", limit=limit, breached=breached, missing_reason="" if value else "gone"),
        Row("importance", name, share, day, "1"),
    ]


def drawn(*days: list[Row]):
    lake = Lake.open(toy.USE_CASE)
    for number, rows in enumerate(days):
        measured.write(lake, period_of(number), rows)
    return heat_map.drift_heatmap(overview.build_overview(open_project(toy.USE_CASE), period_of(len(days) - 1)))


def test_a_cell_is_the_psi_divided_by_the_features_own_limit(lake_home):
    figure = drawn([*psi("loose", 2.0, 4.0), *psi("tight", 0.2, 0.1)])
    cells = dict(zip(figure["data"][0]["y"], figure["data"][0]["z"], strict=True))
    assert cells == {"tight": [2.0], "loose": [0.5]}


def test_features_with_most_breaches_are_first_then_the_ones_nearest_to_their_limit(lake_home):
    day = [*psi("calm", 0.1, share=0.9), *psi("near", 0.4), *psi("twice", 0.6), *psi("once", 0.4)]
    other = [*psi("calm", 0.1, share=0.9), *psi("near", 0.4), *psi("twice", 0.6), *psi("once", 9.0)]
    figure = drawn(other, day)
    assert figure["data"][0]["y"] == ["twice", "once", "near", "calm"]
    count = len(figure["data"][0]["y"])
    assert figure["layout"]["yaxis"]["range"] == [count - 0.5, -0.5]  # the first row is on top, without a margin


def test_every_feature_has_a_row_of_its_own(lake_home):
    rows = [row for number in range(62) for row in psi(f"f{number:02}", 0.1)]
    figure = drawn(rows)
    assert len(figure["data"][0]["y"]) == 62
    assert figure["layout"]["height"] >= 62 * heat_map.ROW_HEIGHT


def test_broken_cells_are_marked_and_only_these(lake_home):
    figure = drawn([*psi("a", 0.6), *psi("b", 0.1)], [*psi("a", 0.1, number=1), *psi("b", 0.7, number=1)])
    marks = figure["data"][1]
    assert sorted(zip(marks["y"], marks["x"], strict=True)) == [
        ("a", f"{period_of(0)} 00:00"), ("b", f"{period_of(1)} 00:00"),
    ]  # fmt: skip


def test_the_colour_changes_at_the_limit_itself(lake_home):
    scale = dict(drawn(psi("a", 0.6))["data"][0]["colorscale"])
    assert scale[1 / heat_map.TOP] == "var(--hot)"
    assert max(place for place, colour in scale.items() if colour == "var(--warm)") < 1 / heat_map.TOP


def test_a_single_day_is_as_wide_as_a_day(lake_home):
    trace = drawn(psi("a", 0.1))["data"][0]
    assert trace["dx"] == 24 * 3600 * 1000 and trace["x0"] == f"{period_of(0)} 00:00"


def test_a_day_without_the_feature_stays_empty(lake_home):
    trace = drawn([*psi("old", 0.2), *psi("kept", 0.2)], psi("kept", 0.2, number=1))["data"][0]
    cells = dict(zip(trace["y"], trace["z"], strict=True))
    assert cells == {"kept": [0.4, 0.4], "old": [0.4, None]}


def test_without_a_stored_limit_the_declared_one_counts(lake_home):
    (row,) = drawn(psi("a", 0.4, limit=None))["data"][0]["z"]
    assert row == [pytest.approx(0.4 / toy.USE_CASE.monitoring.feature_psi)]


def test_of_a_long_range_each_column_is_the_worst_of_several_days(lake_home):
    lake, days = Lake.open(toy.USE_CASE), heat_map.MOST_COLUMNS + 1
    for number, value in ((0, 0.1), (1, 0.9), (2, 0.2), (days - 1, 0.3)):
        measured.write(lake, period_of(number), psi("a", value, number=number))
    seen = overview.build_overview(open_project(toy.USE_CASE), period_of(days - 1), span=365)
    figure = heat_map.drift_heatmap(seen)
    trace, marks = figure["data"]
    assert len(trace["z"][0]) == 61 and trace["dx"] == 2 * 24 * 3600 * 1000
    assert trace["z"][0][:3] == [1.8, 0.4, None] and trace["z"][0][-1] == 0.6
    assert trace["x0"] == f"{period_of(0)} 12:00" == marks["x"][0] and len(marks["x"]) == 1
    assert trace["meta"]["dates"][:2] == [period_of(0).key, period_of(2).key]
