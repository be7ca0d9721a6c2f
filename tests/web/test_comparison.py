"""Two ranges of periods, or two versions, side by side."""

import pytest

from include.lake.lake import Lake
from include.project import open_project
from include.web import comparison
from include.web.comparison import Side
from include.web.date_range import DateRange
from include.web.history import read_history
from tests import toy
from tests.web import measured
from tests.web.measured import Row, period_of


def side(first: int, last: int, version: str = "") -> Side:
    dates = DateRange(period_of(last), last - first + 1, is_free=True)
    return Side(read_history(open_project(toy.USE_CASE), dates), version)


def write(number: int, version: str, **values: float) -> None:
    rows = [Row(metric, "model", value, period_of(number), version) for metric, value in values.items()]
    measured.write(Lake.open(toy.USE_CASE), period_of(number), rows)


def found(one: Side, other: Side):
    return {(each.metric, each.subject): each for each in comparison.compare_sides(one, other)}


def test_a_mean_loss_is_weighted_by_rows_and_any_other_metric_is_the_mean_of_the_periods(lake_home):
    write(0, "1", log_loss=0.4, labelled_rows=100, auc=0.6)
    write(1, "1", log_loss=0.8, labelled_rows=300, auc=0.8)
    write(2, "1", log_loss=0.7, labelled_rows=100, auc=0.7)
    rows = found(side(0, 1), side(2, 2))
    assert rows["log_loss", "model"].one == pytest.approx(0.7) and rows["log_loss", "model"].change == pytest.approx(0)
    assert rows["auc", "model"].one == pytest.approx(0.7)
    assert rows["labelled_rows", "model"].relative == pytest.approx(-0.5)
    assert rows["auc", "model"].periods == (2, 1)


def test_of_one_range_the_periods_of_two_versions_are_compared(lake_home):
    write(0, "1", log_loss=0.4, labelled_rows=10)
    write(1, "3", log_loss=0.2, labelled_rows=10)
    row = found(side(0, 1, "1"), side(0, 1, "3"))["log_loss", "model"]
    assert (row.one, row.other, row.periods) == (0.4, 0.2, (1, 1))


def test_the_largest_relative_change_of_a_category_is_first(lake_home):
    day = period_of(0)
    for number, far in ((0, 1), (1, 9)):
        rows = [Row("psi", name, value, day, "1") for name, value in (("near", 1.0 + number / 10), ("far", far))]
        measured.write(Lake.open(toy.USE_CASE), period_of(number), rows)
    subjects = [each.subject for each in comparison.compare_sides(side(0, 0), side(1, 1))]
    assert subjects == ["far", "near"]


def test_a_metric_of_one_side_alone_has_no_change(lake_home):
    write(0, "1", auc=0.4)
    write(1, "1", brier=0.4)
    rows = found(side(0, 0), side(1, 1))
    assert rows["auc", "model"].other is None and rows["auc", "model"].change is None
    assert rows["brier", "model"].one is None


def test_what_is_itself_of_several_periods_is_left_out(lake_home):
    day = period_of(0)
    rows = [Row("window/log_loss", "model", 0.4, day, "1"), Row("slice/log_loss", "kind: a", 0.4, day, "1")]
    measured.write(Lake.open(toy.USE_CASE), day, rows)
    assert {metric for metric, _ in found(side(0, 0), side(0, 0))} == {"slice/log_loss"}


def test_both_sides_are_drawn_from_their_own_first_period_on(lake_home):
    for number in range(6):
        write(number, "1" if number < 3 else "3", log_loss=number)
    one, other = comparison.aligned_chart(side(0, 2), side(3, 5), "log_loss", "model")["data"]
    assert one["x"] == other["x"] == [1, 2, 3] and other["y"] == [3, 4, 5]
    _, other = comparison.aligned_chart(side(0, 5, "1"), side(0, 5, "3"), "log_loss", "model")["data"]
    assert other["x"] == [1, 2, 3], "of a version, from the first period that it scored"
    assert comparison.aligned_chart(side(0, 2), side(3, 5), "auc", "model") is None
