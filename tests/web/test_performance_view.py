"""Performance over time: every metric of the task, calibration, confusion and groups."""

import pytest

from include.lake.lake import Lake
from include.project import open_project
from include.use_case import UseCase
from include.web import performance_view
from include.web.date_range import DateRange
from include.web.history import read_history
from include.web.performance_view import PerformanceView
from tests import toy
from tests.web import measured
from tests.web.conftest import NUMBERS, OTHER_TASKS
from tests.web.measured import Row, period_of


def view(use_case: UseCase, number: int, span: int = 90) -> PerformanceView:
    history = read_history(open_project(use_case), DateRange(period_of(number), span))
    return performance_view.build_performance(history)


@pytest.mark.parametrize("use_case", [toy.USE_CASE, *OTHER_TASKS], ids=lambda each: each.name)
def test_every_metric_of_the_task_has_a_panel_and_the_stored_ones_a_chart(at_home, use_case):
    found = view(use_case, NUMBERS[39])
    assert [panel.name for panel in found.metrics] == [f"window-{name}" for name in use_case.task.metrics]
    drawn = {panel.name for panel in found.metrics if panel.figure}
    assert {f"window-{name}" for name in use_case.task.charted[:2]} <= drawn
    assert found.levels[0].figure is not None


def test_an_event_has_its_confusion_over_time_and_in_total(at_home):
    found = view(toy.USE_CASE, NUMBERS[-1], 30)
    confusion = next(panel for panel in found.levels if panel.name == "confusion")
    assert {trace["name"] for trace in confusion.figure["data"]} == {"hits", "false alarms", "missed", "rightly left"}
    assert found.confusion.names == ("0", "1") and found.confusion.counts == (
        (301 * 30, 129 * 30),
        (129 * 30, 301 * 30),
    )
    assert found.confusion.rows == 860 * 30


def test_numbers_have_no_confusion_and_classes_have_their_recalls(at_home):
    of = {use_case.name: view(use_case, NUMBERS[39]) for use_case in OTHER_TASKS}
    assert of["counts"].confusion is None and [panel.name for panel in of["counts"].levels] == ["level"]
    assert of["grades"].confusion and of["grades"].confusion.names == OTHER_TASKS[-1].task.classes
    assert [panel.name for panel in of["grades"].levels] == ["recalls"]


def test_groups_are_weighted_by_their_rows_and_the_worst_is_first(lake_home):
    lake = Lake.open(toy.USE_CASE)
    for number, (value, rows) in enumerate(((0.4, 100), (0.8, 300))):
        day = period_of(number)
        written = [
            Row("slice/log_loss", "kind: a", value, day, "1"), Row("slice_rows", "kind: a", rows, day, "1"),
            Row("slice/log_loss", "kind: b", 0.2, day, "1"), Row("slice_rows", "kind: b", 1000, day, "1"),
            Row("log_loss", "model", 0.3, day, "1"), Row("labelled_rows", "model", 1200, day, "1"),
        ]  # fmt: skip
        measured.write(lake, day, written)
    (table,) = view(toy.USE_CASE, 1).slices
    assert [(group.group, group.rows) for group in table.groups] == [("a", 400), ("b", 2000)]
    assert table.groups[0].value == pytest.approx((0.4 * 100 + 0.8 * 300) / 400)
    assert table.groups[0].difference == pytest.approx(0.7 - 0.3) and table.groups[1].difference == pytest.approx(-0.1)
    line = next(trace for trace in table.panel.figure["data"] if trace["name"] == "a")
    assert line["y"] == [pytest.approx(0.4), pytest.approx(0.7)], "the mean of the periods up to each"


def test_a_metric_that_is_no_mean_over_rows_is_not_added_up(lake_home):
    rows = [Row("slice/auc", "kind: a", 0.7, period_of(0), "1"), Row("slice_rows", "kind: a", 50, period_of(0), "1")]
    measured.write(Lake.open(toy.USE_CASE), period_of(0), rows)
    (table,) = view(toy.USE_CASE, 0).slices
    assert table.groups[0].value is None and table.groups[0].rows == 50
    assert table.panel.figure is not None


def test_without_metrics_every_panel_is_empty(lake_home):
    found = view(toy.USE_CASE, 0)
    assert [panel.figure for panel in (*found.metrics, *found.levels)] == [None] * 9
    assert found.confusion is None and found.slices == ()
