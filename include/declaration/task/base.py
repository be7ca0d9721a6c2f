"""Declare what every task has: the names that follow from what is predicted.

Imports nothing heavy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, ClassVar

from include.declaration.custom_metric import CustomMetric


@dataclass(frozen=True)
class Task(ABC):
    """What is predicted, with the names that follow from it."""

    kind: ClassVar[str]
    """Its name in records."""
    label_type: ClassVar[str]
    """Type of the label's column in the lake."""
    main_metric: ClassVar[str]
    """The metric that defaults of gates and limits use, a mean over rows that is better when lower."""
    summaries: ClassVar[tuple[str, ...]] = ("rows",)
    """Names of the descriptions of rows that are recorded with the metrics."""

    custom_metrics: tuple[CustomMetric, ...] = field(default=(), kw_only=True)
    """Metrics of one's own, in addition to those of the task."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names of its evaluation metrics, in display order."""
        return (*self.own_metrics, *self._custom_names)

    @property
    @abstractmethod
    def own_metrics(self) -> tuple[str, ...]:
        """Return the names of the metrics that every such task has."""

    @property
    def headline(self) -> tuple[str, ...]:
        """Return the names of the metrics that short tables show, in order."""
        return (*self.own_headline, *self._custom_names)

    @property
    @abstractmethod
    def own_headline(self) -> tuple[str, ...]:
        """Return those of them that every such task has."""

    @property
    def charted(self) -> tuple[str, ...]:
        """Return the names of the metrics that have a chart on the page."""
        return (*self.own_headline[:2], *self._custom_names)

    @property
    def _custom_names(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self.custom_metrics)

    @property
    @abstractmethod
    def baselines(self) -> tuple[str, ...]:
        """Return the names of its baselines, the simplest first."""

    @property
    @abstractmethod
    def prediction_columns(self) -> Mapping[str, str]:
        """Return the columns of a prediction with their types, in order."""

    @property
    @abstractmethod
    def main_column(self) -> str:
        """Return the column whose distribution is compared with that of the training."""

    @property
    @abstractmethod
    def mean_columns(self) -> Mapping[str, str]:
        """Return monitored metric to the column of predictions that it is the mean of."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """Say what is predicted, as text without line breaks."""

    @property
    @abstractmethod
    def decision(self) -> str:
        """Say what a prediction decides, as text without line breaks."""

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Return the names of what a confusion matrix counts, in order; none for numbers."""
        return ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return the names of the scores of its trees; one empty name for a single score."""
        return ("",)

    @property
    @abstractmethod
    def score_scale(self) -> str:
        """Return the scale of the scores of its trees, in words."""

    def season_lag(self, label_delay_periods: int) -> int | None:
        """Return how many periods earlier the seasonal baseline's label lies, or None."""
        del label_delay_periods
        return None

    @property
    def features_read(self) -> tuple[str, ...]:
        """Return the features that the task itself names."""
        return ()

    @property
    def not_monotone(self) -> str:
        """Return why the prediction cannot be monotone in a feature; empty if it can."""
        return ""

    @property
    def has_quantiles(self) -> bool:
        """Return whether a prediction has quantiles that may cross."""
        return False

    @property
    def refuses_crossed(self) -> bool:
        """Return whether quantiles that cross refuse a period; else they are sorted."""
        return False

    @property
    def label_unit(self) -> str:
        """Return the unit of the label, for texts; empty without one."""
        return ""

    @property
    def cost_unit(self) -> str:
        """Return the unit of the declared costs; empty without costs."""
        return ""

    @property
    def cost_metric(self) -> str:
        """Return the metric of the declared costs; empty without costs."""
        return ""

    @property
    def largest_change(self) -> float:
        """Return the largest possible change of a prediction, in its unit."""
        return 1.0

    @property
    def change_unit(self) -> str:
        """Return the noun for a prediction in texts about its changes."""
        return "probability"

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `task_from_json` makes an equal task.

        Custom metrics are left out: they are functions.
        """
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "custom_metrics"}
        return {
            "kind": self.kind,
            **{n: asdict(v) if is_dataclass(v) and not isinstance(v, type) else v for n, v in values.items()},
        }

    def training_values(self) -> dict[str, object]:
        """Return the declared values that affect a training."""
        return {"task": self.to_json()}


def format_number(value: float) -> str:
    """Return a number to four significant digits, whole numbers in full."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
