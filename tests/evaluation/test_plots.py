"""Plots of an evaluation: readable with any names of gates, and equal files for equal input."""

import struct
import sys

import numpy as np
import pytest

from include.declaration.period import Period
from include.evaluation import plots
from include.evaluation.gates.result import GateResult
from include.evaluation.plots import PlotGroup
from include.model.period_arrays import to_starts

DAYS = to_starts(Period("2020-02-01") + n for n in range(28))
DIFFERENCES = np.random.default_rng(0).normal(-0.003, 0.006, 28)


def gate_result(outcome: str, value: float | None = 0.4, limit: float | None = 0.5, gate: str = "a gate") -> GateResult:
    return GateResult(
        gate, "metric", "log_loss", value, limit, outcome, outcome in ("failed", "inconclusive"), "Because."
    )


def of_champion(**changed) -> bytes:
    arguments = {"mean": -0.003, "interval": (-0.006, -0.0005)} | changed
    return plots.plot_champion("toy", DAYS, DIFFERENCES, **arguments)


def size(content: bytes) -> tuple[int, int]:
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", content[16:24])


OUTCOMES = [gate_result(outcome, gate=f"gate {outcome}") for outcome in plots.STYLES]
GROUPS = [PlotGroup("carrier", f"C{n}", 500 + n, n / 100, 0.05) for n in range(20)] + [
    PlotGroup("hour", "5", 3, None, 0.05)
]
DRAWN = {
    "gate_results": lambda: plots.plot_gate_results("toy", OUTCOMES),
    "slices": lambda: plots.plot_slices("toy", GROUPS),
    "champion": of_champion,
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_a_png_of_readable_size_and_equal_when_drawn_again(name):
    content = DRAWN[name]()
    width, height = size(content)
    assert width >= 900 and height >= 200
    assert content == DRAWN[name]()


def test_every_gate_has_a_row_of_its_own_height_and_a_long_name_more_of_it():
    def height(names: list[str]) -> int:
        return size(plots.plot_gate_results("toy", [gate_result("passed", gate=name) for name in names]))[1]

    few, many = height(["short"] * 3), height(["short"] * 15)
    assert (many - few) / 12 >= 30  # pixels
    assert height(["a name that needs more room than one line has to give"] * 15) > many
    assert size(plots.plot_gate_results("toy", OUTCOMES * 4))[0] == size(plots.plot_gate_results("toy", OUTCOMES))[0]


@pytest.mark.parametrize(
    "name", ["costs $x_1$ and $\\frac{$", "", "line\nbreak", "x" * 300, "Gr\u00f6\u00dfe \u2264 5 %"]
)
def test_names_are_drawn_as_they_are_whatever_they_hold(name):
    assert plots.plot_gate_results(name, [gate_result("failed", gate=name)])
    assert plots.plot_slices(name, [PlotGroup(name, name, 300, 0.1, 0.05)])


@pytest.mark.parametrize(
    ("judged", "distance"),
    [
        (gate_result("passed", 0.4, 0.5), 0.2),
        (gate_result("failed", 0.8, 0.4), -0.5),
        (gate_result("passed", 0.0, 0.0), 0.0),
        (gate_result("failed", 2.0, 0.0), -1.0),
        (gate_result("passed", -0.1, 0.1), 1.0),
        (gate_result("failed", None, 0.5), None),
        (gate_result("failed", float("nan"), 0.5), None),
        (gate_result("inconclusive", 0.4, 0.5), None),
        (gate_result("informational", 3, None), None),
    ],
)
def test_the_side_says_the_outcome_and_the_distance_the_share_of_the_larger_number(judged, distance):
    assert plots._distance(judged) == (None if distance is None else pytest.approx(distance))


def test_outcomes_differ_by_marker_and_by_colour():
    styles = plots.STYLES.values()
    assert len({style.marker for style in styles}) == len({style.colour for style in styles}) == 4


def test_only_the_worst_groups_are_drawn():
    shown = plots.plot_slices("toy", GROUPS)
    better = [group for group in GROUPS if group.worse is not None and group.worse >= 0.12]  # the worst eight
    assert shown != plots.plot_slices("toy", better)  # it says that there are more
    others = [group._replace(worse=0.001) if (group.worse or 1) < 0.12 else group for group in GROUPS]
    assert shown == plots.plot_slices("toy", others)


def test_without_a_group_that_was_judged_the_plot_says_so():
    assert size(plots.plot_slices("toy", [PlotGroup("hour", "5", 3, None, 0.05)]))[1] >= 100
    assert size(plots.plot_slices("toy", []))[1] >= 100


@pytest.mark.parametrize("interval", [(-np.inf, -0.0005), (-0.006, np.inf), (0.0, 0.0)])
def test_a_one_sided_or_empty_interval_is_drawn(interval):
    assert size(of_champion(interval=interval))


def test_equal_models_are_drawn():
    assert plots.plot_champion("toy", DAYS[:1], np.zeros(1), mean=0.0, interval=(0.0, 0.0))


def test_no_global_figure_is_made():
    plots.plot_gate_results("toy", OUTCOMES)
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
