"""Draw what steps cost by the number of rows, and the same by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Measured = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Rows a day → step → `ours` or `by_hand` → `seconds` (CPU) and `megabytes` (peak of the process)."""


def plot_sizes(measured: Measured, path: Path) -> None:
    """Write a picture of two rows, time and memory, with a plot for each step, on logarithmic axes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "airworthy"  # the same bytes from the same figures
    steps = list(dict.fromkeys(step for size in measured.values() for step in size))
    figure = Figure(figsize=(2.6 * len(steps), 5), layout="constrained")
    axes = figure.subplots(2, len(steps), squeeze=False, sharex=True)
    for column, step in enumerate(steps):
        sizes = [size for size in measured if step in measured[size]]
        for row, (quantity, unit) in enumerate((("seconds", "CPU-seconds"), ("megabytes", "peak MB"))):
            axis = axes[row][column]
            for side, style in (("ours", "o-"), ("by_hand", "s--")):
                values = [measured[size][step][side][quantity] for size in sizes]
                axis.plot([int(size) for size in sizes], values, style, label=side.replace("_", " "), markersize=4)
            axis.set(xscale="log", yscale="log", title=step if row == 0 else "")
            axis.grid(visible=True, alpha=0.3)
            if column == 0:
                axis.set_ylabel(unit)
            if row == 1:
                axis.set_xlabel("rows a day")
    axes[0][0].legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
