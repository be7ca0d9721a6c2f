"""Declare an evaluation metric of one's own: a pure function with a direction.

Imports nothing heavy.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, require
from include.model.metrics import BUILT_IN, SUMMARY, add_metric, metric_named
from include.model.metrics.metric import Metric


@declared
@dataclass(frozen=True)
class CustomMetric:
    """A metric for gates and limits; name it in `custom_metrics` of the task, too.

    Declare it above the gates that use it. All use cases of a process share one list of metrics, so its name must not
    be that of another function's metric.
    """

    name: str
    function: Callable[[Any, Any], float]
    """Labels and predictions, as NumPy arrays of one length, to a number; NaN if it is not defined for these rows.
    It must not depend on anything else."""
    higher_is_better: bool = False
    title: str = ""
    """Its name in texts and tables; empty: the name with spaces."""

    def __post_init__(self) -> None:
        require_field_types(self)
        say = f"CustomMetric({self.name!r}): "
        own = self.name.isidentifier() and self.name not in (*BUILT_IN, *SUMMARY)
        hint = "Write another name, such as 'share_of_late_orders'."
        parameters, before = len(inspect.signature(self.function).parameters), metric_named(self.name)
        is_named = not self._origin.endswith("<lambda>")
        sound = (
            require(
                own, say + "the name must be an identifier and not that of another metric.", hint=hint, field="name"
            ),
            require(
                parameters == 2,
                f"{say}the function has {parameters} parameters; it gets labels and predictions.",
                field="function",
            ),
            require(is_named, say + "the function needs a name.", hint="Write a def.", field="function"),
            require(
                not own or before is None or before.origin == self._origin,
                f"{say}another function has declared this metric; write another name.",
                field="name",
            ),
        )
        if all(sound):
            add_metric(self._metric())

    @property
    def _origin(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def _metric(self) -> Metric:
        title = self.title or self.name.replace("_", " ")

        def compute(labels: Any, predictions: Any, _: Any) -> float | None:
            value = float(self.function(labels, predictions))
            return value if math.isfinite(value) else None

        return Metric(
            name=self.name,
            label=title,
            title=title[:1].upper() + title[1:],
            short=title,
            function=compute,
            higher_is_better=self.higher_is_better,
            lower_bound=-math.inf,
            upper_bound=math.inf,
            origin=self._origin,
        )
