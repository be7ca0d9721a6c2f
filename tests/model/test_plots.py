"""Plots: readable PNGs, made without changing global state."""

import struct
import sys

import numpy as np
import pyarrow as pa
import pytest

from include.model import plots
from include.model.trainer import TrainingRows

RNG = np.random.default_rng(0)
LABELS = (RNG.random(400) < 0.3).astype(float)
PREDICTED = {"model": RNG.random(400), "prior": np.full(400, 0.3), "logistic": RNG.random(400)}


def by_day() -> bytes:
    periods = {"train": "2020-01-01", "validation": "2020-01-20", "test": "2020-01-30"}
    parts = {
        split: TrainingRows(pa.table({}), LABELS, np.datetime64(first) + np.arange(400) // 100)
        for split, first in periods.items()
    }
    return plots.plot_rate_by_period("toy as of 2020-02-01", "failed", parts, dict.fromkeys(periods, PREDICTED))


DRAWN = {
    "roc": lambda: plots.plot_roc_and_precision_recall("toy", LABELS, PREDICTED),
    "calibration": lambda: plots.plot_calibration("toy", LABELS, PREDICTED),
    "confusion": lambda: plots.plot_confusion("toy", LABELS, PREDICTED["model"], 0.25, "failed"),
    "importance": lambda: plots.plot_importance("toy", {f"feature {n}": float(n) for n in range(60)}),
    "by_day": by_day,
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_a_png_of_readable_size_and_equal_when_drawn_again(name):
    content = DRAWN[name]()
    width, height = struct.unpack(">II", content[16:24])
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert width >= 500 and height >= 200
    assert content == DRAWN[name]()


@pytest.mark.parametrize("labels", [np.zeros(400), np.ones(400)])
def test_test_days_of_one_class_are_drawn_all_the_same(labels):
    assert plots.plot_roc_and_precision_recall("toy", labels, PREDICTED)
    assert plots.plot_calibration("toy", labels, PREDICTED)


def test_no_global_figure_is_made():
    by_day()
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_a_model_without_any_gain_has_an_importance_plot():
    assert plots.plot_importance("toy", {"size": 0.0})


def test_names_are_drawn_as_they_are_and_never_read_as_formulas():
    assert plots.plot_importance("toy", {"cost $x^ $": 1.0, "a b": 2.0, "a  b": 3.0})
    assert plots.plot_confusion("toy", LABELS, PREDICTED["model"], 0.25, "paid $x^ $")
