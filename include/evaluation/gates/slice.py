"""Define the gate on the worst group of rows that share a value of a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from include.declaration.gates import (
    ALL_ROWS,
    BASELINES,
    CHAMPION,
    MODEL,
    require_one_of,
)
from include.declaration.problems import declared, did_you_mean, require
from include.evaluation.gates.base import BaseGate, GateLimits, Input
from include.evaluation.gates.result import GateResult, outcome_of
from include.grammar import but, counted
from include.model.metrics import METRICS

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs
    from include.model.slices import SliceMetrics


@declared
@dataclass(frozen=True)
class SliceGate(BaseGate):
    """Limit the degradation of the metric in each group of rows that share a value.

    It is compared with a reference: the model's own metric on `all rows`, or that of a baseline or the champion on the
    group's rows. With a column of people's groups, this is a test of fairness.
    """

    kind: ClassVar[str] = "slice"
    needs: ClassVar[frozenset[Input]] = frozenset({"rows", "champion"})
    untested: ClassVar[str] = "how it does in single groups of rows"

    column: str
    """A key or a feature of few values."""
    metric: str
    """A metric of the task, or one of its own metrics."""
    max_degradation: float
    reference: str = ALL_ROWS
    min_rows: int = 200
    """Groups of fewer labelled rows are not judged."""

    def require_possible(self) -> None:
        gate = f"SliceGate({self.column!r})"
        require_one_of(self.metric, tuple(METRICS), f"{gate}: metric=")
        require_one_of(self.reference, (ALL_ROWS, CHAMPION, *BASELINES), f"{gate}: reference=")
        require(self.min_rows >= 1, f"{gate}: min_rows must be at least 1.", field="min_rows")
        say = f"{gate}: max_degradation="
        problem = f"{say}{self.max_degradation} is not a finite number."
        require(math.isfinite(self.max_degradation), problem, field="max_degradation")
        require(
            self.reference != ALL_ROWS or not self.max_degradation < 0,
            f"{say}{self.max_degradation:g}: not every group can be better than all rows together.",
            field="max_degradation",
        )

    def require_fit(self, limits: GateLimits, gates: Sequence[BaseGate]) -> None:
        require(
            self.column in limits.columns,
            f"SliceGate({self.column!r}): there is no key or feature of that name that groups rows; there are"
            f" {sorted(limits.columns)}.",
            hint=did_you_mean(self.column, limits.columns),
        )
        super().require_fit(limits, gates)

    def __str__(self) -> str:
        reference = f"the {self.reference}" if self.reference == CHAMPION else self.reference
        return f"{self.metric} by {self.column} at most {self.max_degradation:g} worse than {reference}"

    @property
    def compared_baseline(self) -> str | None:
        return self.reference if self.reference in BASELINES else None

    @property
    def grouping_columns(self) -> tuple[str, ...]:
        return (self.column,)

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Compare the degradation of the worst group with enough rows with the limit."""
        compared = self.compare(inputs, task)
        return [compared if isinstance(compared, GateResult) else self._judge_worst(compared, task)]

    def compare(self, inputs: GateInputs, task: Task) -> SliceMetrics | GateResult:
        """Return the groups that are judged, or a result if there are none."""
        import numpy as np

        from include.evaluation.judging import has_predictions, rows_unseen_by_champion
        from include.model import metrics, slices

        name, rows = self.metric, inputs.rows
        chosen = rows_unseen_by_champion(self, name, inputs) if self.reference == CHAMPION else np.array(True)
        if isinstance(chosen, GateResult):
            return chosen
        other = MODEL if self.reference == ALL_ROWS else self.reference
        lacking = [subject for subject in (MODEL, other) if rows is None or not has_predictions(rows, subject)]
        if rows is None or lacking:
            return self._inconclusive(f"The test rows have no predictions of the {lacking[0]}.")
        if self.column not in rows.columns.column_names:
            return self._inconclusive(f"The test rows have no column {self.column}.")
        taken = np.flatnonzero(np.broadcast_to(chosen, rows.labels.shape))
        labels, own = rows.labels[taken], rows.predicted[MODEL][taken]
        reference = metrics.compute_metric(name, labels, own, task) if other == MODEL else rows.predicted[other][taken]
        if reference is None:
            return self._inconclusive(f"There is no {METRICS[name].label} of all rows.")
        column = rows.columns[self.column].take(taken)
        return slices.slice_metrics(column, labels, own, name, reference=reference, task=task, min_rows=self.min_rows)

    def groups(self, inputs: GateInputs, task: Task) -> list[dict[str, Any]]:
        compared = self.compare(inputs, task)
        if isinstance(compared, GateResult):
            return []
        shared = {
            "column": f"{self.column}: {self.metric} compared with {self.reference}",
            "limit": self.max_degradation,
        }
        judged = [asdict(group) for group in compared.judged]
        nothing = dict.fromkeys(("value", "compared", "worse"))
        left_out = {**compared.undefined, **compared.small}
        others = [{"name": name, "rows": rows, **nothing} for name, rows in left_out.items()]
        return [shared | {"group": group.pop("name")} | group for group in [*judged, *others]]

    def _inconclusive(self, reason: str) -> GateResult:
        return self.result("inconclusive", reason, metric=self.metric)

    def _judge_worst(self, compared: SliceMetrics, task: Task) -> GateResult:
        metric, limit = METRICS[self.metric], self.max_degradation
        label = metric.label
        aside = (
            f" {counted(len(compared.small), 'group')} had fewer than {self.min_rows:,} rows." if compared.small else ""
        )
        if compared.undefined:
            aside += f" In {counted(len(compared.undefined), 'group')} {label} is not defined."
        if not compared.judged:
            reason = f"No group by {self.column} could be judged.{aside}"
            return self.result("inconclusive", reason, metric=self.metric, limit=limit)
        worst = compared.judged[0]
        passed = worst.worse <= limit
        reference = "all rows" if self.reference == ALL_ROWS else f"the {self.reference} there"
        degradation = f"{metric.value_text(abs(worst.worse), task, 4)} {'worse' if worst.worse >= 0 else 'better'}"
        reason = (
            f"Worst of {counted(len(compared.judged), 'group')} is {self.column} {worst.name} with {worst.rows:,} rows:"
            f" {label} {metric.value_text(worst.value, task, 4)}, {degradation} than the"
            f" {metric.value_text(worst.compared, task, 4)} of {reference}{but(passed)}"
            f" at most {metric.value_text(limit, task, 4)} worse is allowed.{aside}"
        )
        return self.result(outcome_of(passed), reason, metric=self.metric, value=worst.worse, limit=limit)
