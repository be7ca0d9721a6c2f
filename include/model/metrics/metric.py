"""Define what an evaluation metric is: its name, words, direction, bounds and function.

Labels are one-dimensional: 0 or 1, a number, or the index of a class. Predictions have one row per label: one
probability; a number, or a number with the lower and the upper end of its interval; or a probability per class.
Numeric libraries are imported only inside functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.model.arrays import Numbers


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One evaluation metric."""

    name: str
    """Its name in gates and limits."""
    label: str
    """Its name within a sentence or above a column."""
    title: str
    """Its name at the start of a line of the model card."""
    short: str
    """Its name in the legend of a plot."""
    function: Callable[[Numbers, Numbers, Any], float | None]
    """Compute it from labels, predictions and the task; None if it is undefined for these rows."""
    row_losses: Callable[[Numbers, Numbers, Any], Numbers] | None = None
    """The contribution of each row, if the metric is a mean over rows; otherwise None."""
    higher_is_better: bool = False
    lower_bound: float = 0.0
    upper_bound: float = 1.0
    unit: Literal["", "nats", "cost", "label"] = ""
    """`cost` means the unit of the declared costs, `label` that of the label."""
    needs_interval: bool = False
    """Whether predictions without an interval, such as those of baselines, have no such metric."""
    undefined_if: str = ""
    """When it is not defined although labels differ, as a clause."""
    origin: str = ""
    """The function of a metric that a use case declares; empty for one of this module."""

    def unit_of(self, task: Task) -> str:
        """Return the declared unit of its values; empty without one."""
        return {"cost": task.cost_unit, "label": task.label_unit}.get(self.unit, "")

    def value_text(self, value: float, task: Task, digits: int = 6) -> str:
        """Return a value with its unit."""
        return f"{value:.{digits}g} {self.unit_of(task)}".rstrip()

    def heading(self, task: Task) -> str:
        """Return its label with the unit, for a column."""
        return ", ".join(filter(None, (self.label, self.unit_of(task))))

    def titled(self, task: Task) -> str:
        """Return its title with the unit and the direction that is better."""
        unit = self.unit_of(task)
        return f"{self.title}{f', {unit}' if unit else ''} ({self.better} is better)"

    @property
    def better(self) -> str:
        """The direction that is better, as a word."""
        return "higher" if self.higher_is_better else "lower"

    @property
    def additive(self) -> bool:
        """Return whether it is a mean over rows, so that days can be resampled."""
        return self.row_losses is not None


def mean_of(row_losses: Callable[[Numbers, Numbers, Any], Numbers]) -> Callable[..., float]:
    """Return the function of a metric that is the mean of its rows' losses."""

    def mean_loss(labels: Numbers, predictions: Numbers, task: Task) -> float:
        import numpy as np

        return float(np.mean(row_losses(labels, predictions, task)))

    return mean_loss


def without_task(function: Callable[[Numbers, Numbers], float | None]) -> Callable[..., float | None]:
    """Return the function of a metric that does not depend on the task."""
    return lambda labels, probabilities, _: function(labels, probabilities)
