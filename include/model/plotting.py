"""Create figures with matplotlib's object API, which changes no global figure or back end."""

from __future__ import annotations

import io
from typing import Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def new_figure(
    title: str, width: float = 7.5, height: float = 5, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Return an empty figure with a title.

    Sizes are in inches. Without a layout, the caller places the axes.
    """
    figure = Figure(figsize=(width, height), dpi=110, layout=layout)
    FigureCanvasAgg(figure)
    figure.suptitle(plain_axes(title), fontsize=12, y=None if layout else 1 - 0.12 / height, va="top")
    return figure


def png_of(figure: Figure) -> bytes:
    """Return the content of a PNG file of the figure."""
    # Without the name of the software, equal plots have equal files.
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 4})
    return target.getvalue()


def plain_axes(text: str) -> str:
    """Return the text on one line, with dollar signs escaped.

    matplotlib reads text between dollar signs as a formula.
    """
    return " ".join(text.split()).replace("$", r"\$")
