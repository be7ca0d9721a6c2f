"""Names of what is measured besides metrics, and the checks that declarations are made of."""

from __future__ import annotations

from collections.abc import Sequence

BASELINES = ("prior", "logistic")
ALL_ROWS, CHAMPION = "all rows", "champion"
MODEL = "model"
"""The model that is judged, as a subject of metrics and predictions."""


def require(condition: bool, message: str) -> None:
    """ValueError with that message, unless the condition holds."""
    if not condition:
        raise ValueError(message)


def require_one_of(value: str, known: Sequence[str], say: str) -> None:
    """ValueError that begins with `say`, unless the value is among those that are known."""
    require(value in known, f"{say}{value!r} is none of {list(known)}.")
