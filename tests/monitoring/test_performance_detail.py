"""Groups of rows, and predictions by label, on numbers that one can count."""

import numpy as np
import pyarrow as pa
import pytest

from include.monitoring import performance_detail
from include.monitoring.performance_detail import MIN_ROWS, MOST_CLASSES
from include.use_case import Binary, DecisionCosts, Multiclass, Regression

TASK = Binary(costs=DecisionCosts(false_negative=3, false_positive=1, unit="points"))
LABELS = np.array([1.0, 0.0] * MIN_ROWS)


def groups(*names: str | None) -> pa.Table:
    return pa.table({"kind": pa.array(names)})


def test_each_group_has_its_metric_and_its_number_of_rows():
    columns = groups(*["a"] * MIN_ROWS, *["b"] * MIN_ROWS)
    said = np.array([0.5] * MIN_ROWS + [0.9, 0.1] * (MIN_ROWS // 2))
    rows = performance_detail.slice_rows(columns, LABELS, said, [("kind", "brier")], TASK)
    found = {(row.metric, row.subject): row.value for row in rows}
    assert found == {
        ("slice/brier", "kind: a"): pytest.approx(0.25), ("slice_rows", "kind: a"): MIN_ROWS,
        ("slice/brier", "kind: b"): pytest.approx(0.01), ("slice_rows", "kind: b"): MIN_ROWS,
    }  # fmt: skip


def test_a_small_group_has_no_row_and_a_group_without_a_value_has_one():
    columns = groups(*["few"] * (MIN_ROWS - 1), *[None] * (MIN_ROWS + 1))
    rows = performance_detail.slice_rows(columns, LABELS, np.full(len(LABELS), 0.5), [("kind", "brier")], TASK)
    assert {row.subject for row in rows} == {"kind: null"}


def test_two_metrics_of_one_column_count_its_rows_once():
    columns = groups(*["a"] * len(LABELS))
    asked = [("kind", "brier"), ("kind", "log_loss"), ("kind", "brier")]
    rows = performance_detail.slice_rows(columns, LABELS, np.full(len(LABELS), 0.5), asked, TASK)
    assert sorted(row.metric for row in rows) == ["slice/brier", "slice/log_loss", "slice_rows"]


def test_a_column_that_the_rows_do_not_have_and_days_without_labels_have_no_rows():
    assert performance_detail.slice_rows(groups("a"), np.ones(1), np.ones(1), [("gone", "brier")], TASK) == []
    assert performance_detail.slice_rows(groups(), np.ones(0), np.ones(0), [("kind", "brier")], TASK) == []
    assert performance_detail.confusion_rows(np.ones(0), {"model": np.ones(0)}, TASK) == []


def test_an_event_is_predicted_from_the_declared_threshold_on():
    rows = performance_detail.confusion_rows(
        np.array([1, 1, 0, 0, 0.0]), {"model": np.array([0.25, 0.24, 0.9, 0.1, 0.2])}, TASK
    )
    assert TASK.threshold == 0.25
    assert {row.subject: row.value for row in rows} == {
        "0 predicted as 0": 2, "0 predicted as 1": 1, "1 predicted as 0": 1, "1 predicted as 1": 1,
    }  # fmt: skip


def test_of_classes_the_most_probable_one_is_predicted():
    task = Multiclass(classes=("low", "mid", "high"))
    said = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.1, 0.2, 0.7]])
    rows = performance_detail.confusion_rows(np.array([0, 1, 2.0]), {"model": said}, task)
    found = {row.subject: row.value for row in rows if row.value}
    assert found == {"low predicted as low": 1, "mid predicted as high": 1, "high predicted as high": 1}
    assert len(rows) == 9


def test_numbers_and_many_classes_are_not_counted_by_label():
    assert performance_detail.confusion_rows(np.ones(2), {"model": np.ones(2)}, Regression()) == []
    many = Multiclass(classes=tuple(f"c{n}" for n in range(MOST_CLASSES + 1)))
    assert performance_detail.confusion_rows(np.zeros(1), {"model": np.ones((1, MOST_CLASSES + 1))}, many) == []
