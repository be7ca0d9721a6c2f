"""Name the subjects of metrics, and check a value that must be one of several."""

from __future__ import annotations

from collections.abc import Sequence

from include.declaration.problems import did_you_mean, require

BASELINES = ("prior", "logistic", "mean", "median", "quantile", "linear", "seasonal_naive")
"""The baselines of all tasks; `Task.baselines` names those of one."""
ALL_ROWS, CHAMPION = "all rows", "champion"
MODEL = "model"
"""The evaluated model, as a subject of metrics and predictions."""


def require_one_of(value: str, known: Sequence[str], say: str) -> None:
    """Report a value that is not one of `known`; `say` is a prefix of the text."""
    field = say.rstrip("=").rpartition(" ")[2]
    require(
        value in known, f"{say}{value!r} is not one of {list(known)}.", field=field, hint=did_you_mean(value, known)
    )
