"""What every plot is drawn on: matplotlib's object API only, so that no global figure or back end is touched."""

from __future__ import annotations

import io
from typing import Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def new_figure(
    title: str, width: float = 7.5, height: float = 5, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """An empty figure of so many inches, with its title; without a layout, its places are set by whoever draws."""
    made = Figure(figsize=(width, height), dpi=110, layout=layout)
    FigureCanvasAgg(made)
    made.suptitle(plain_axes(title), fontsize=12, y=None if layout else 1 - 0.12 / height, va="top")
    return made


def png_of(drawn: Figure) -> bytes:
    """The figure as a PNG file."""
    # Without the software's name in it, equal plots are equal files.
    target = io.BytesIO()
    drawn.savefig(target, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return target.getvalue()


def plain_axes(text: str) -> str:
    """The text on one line, drawn as it is: matplotlib reads what stands between two dollar signs as a formula."""
    return " ".join(text.split()).replace("$", r"\$")
