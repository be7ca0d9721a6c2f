"""Define the gate that compares a model with the champion on the same test days."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from include.declaration.gates import CHAMPION, MODEL, require_one_of
from include.declaration.problems import declared, require
from include.declaration.span import Span
from include.evaluation.gates.base import BaseGate, Input
from include.evaluation.gates.result import GateResult, outcome_of
from include.model.metrics import METRICS, champion_metrics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs
    from include.model.arrays import Numbers
    from include.model.bootstrap import PairedDifference


@declared
@dataclass(frozen=True)
class Comparison:
    """Hold how much worse the challenger is than the champion, by row and overall.

    The days are those that the champion has not seen. Of a metric that is no mean over rows, there is one difference
    for each day. Negative differences are better.
    """

    periods: npt.NDArray[np.datetime64]
    differences: Numbers
    difference: PairedDifference


@declared
@dataclass(frozen=True)
class ChampionGate(BaseGate):
    """Require that the metric is at most the margin worse than the champion's.

    It must be so with confidence. A one-sided paired bootstrap over the same test days; of a metric that is no mean
    over rows, over the days' pseudo-values (`include/model/intervals.py`). `margin=0` means that the
    challenger must be better; a positive margin, in the metric's unit, allows the challenger to be worse by that much;
    a negative one requires that much gain.
    """

    kind: ClassVar[str] = "champion"
    needs: ClassVar[frozenset[Input]] = frozenset({"rows", "champion"})
    untested: ClassVar[str] = "how it does against the champion in the same periods"

    metric: str | None = None
    """A mean loss over rows, or a metric of one's own; None: the main metric of the task."""
    margin: float = 0.0
    confidence: float = 0.95
    _: KW_ONLY  # otherwise the redeclared field would be positional
    min_periods: Span = Span(14)

    def require_possible(self) -> None:
        if self.metric is not None:
            require_one_of(self.metric, champion_metrics(), "ChampionGate: periods are resampled, so metric=")
        finite = math.isfinite(self.margin)
        require(finite, "ChampionGate: margin must be a finite number, in the metric's unit.", field="margin")
        possible = 0.5 < self.confidence <= 0.999
        require(possible, "ChampionGate: confidence must be above 0.5 and at most 0.999.", field="confidence")

    def check_spans(self) -> None:
        """Report a number of test periods below 5."""
        problem = "ChampionGate: min_periods must be at least 5: fewer periods cannot be resampled."
        require(self.min_periods >= 5, problem, field="min_periods")

    def for_task(self, task: Task) -> Self:
        return self if self.metric is not None else replace(self, metric=task.main_metric)

    def __str__(self) -> str:
        metric = self.metric or "main metric"
        if self.margin == 0:
            return f"{metric} better than the champion"
        if self.margin < 0:
            return f"{metric} better than the champion by {-self.margin:g}"
        return f"{metric} not worse than the champion by {self.margin:g}"

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Compare the mean difference to the champion with the margin.

        What is compared is the upper confidence bound, only on test days that the champion has not seen. With a margin
        of 0 the bound must lie strictly below.
        """
        compared = self.compare(inputs, task)
        if isinstance(compared, GateResult):
            return [compared]
        assert inputs.champion is not None
        difference = compared.difference
        passed = difference.upper < 0 if self.margin == 0 else difference.upper <= self.margin
        value = difference.upper if math.isfinite(difference.upper) else None
        metric = self._metric(task)
        reason = self._reason(metric, difference, inputs, passed, task)
        return [self.result(outcome_of(passed), reason, metric=metric, value=value, limit=self.margin)]

    def compare(self, inputs: GateInputs, task: Task) -> Comparison | GateResult:
        """Return the comparison to judge, or a result if there is nothing to compare."""
        import numpy as np

        from include.evaluation.judging import rows_unseen_by_champion
        from include.model import bootstrap, paired_losses

        metric = self._metric(task)
        unseen = rows_unseen_by_champion(self, metric, inputs)
        if isinstance(unseen, GateResult):
            return unseen
        assert inputs.rows is not None
        rows = inputs.rows
        own, other = (rows.predicted[name][unseen] for name in (MODEL, CHAMPION))
        differences = paired_losses.paired_losses(metric, rows.periods[unseen], rows.labels[unseen], own, other, task)
        if differences is None:
            reason = f"{METRICS[metric].title} is not defined for these test periods, or without one of them."
            return self.result("inconclusive", reason, metric=metric)
        periods = inputs.rows.periods[unseen]
        periods = periods if len(periods) == len(differences) else np.unique(periods)
        return Comparison(
            periods, differences, bootstrap.paired_differences(periods, differences, confidence=self.confidence)
        )

    def plot(self, title: str, inputs: GateInputs, task: Task) -> bytes | None:
        """Plot the difference to the champion on each day.

        The result is None if there is nothing to compare.
        """
        import numpy as np

        from include.evaluation import plots

        compared = self.compare(inputs, task)
        if isinstance(compared, GateResult):
            return None
        periods, place = np.unique(compared.periods, return_inverse=True)
        return plots.plot_champion(
            f"{title}: against version {inputs.champion.version if inputs.champion else ''}",
            periods,
            np.bincount(place, weights=compared.differences) / np.bincount(place),
            mean=compared.difference.mean,
            interval=(compared.difference.lower, compared.difference.upper),
            margin=self.margin,
            metric=self._metric(task),
        )

    def _metric(self, task: Task) -> str:
        return self.metric or task.main_metric

    def _reason(self, metric: str, difference: PairedDifference, inputs: GateInputs, passed: bool, task: Task) -> str:
        champion = inputs.champion
        assert champion is not None

        def text(value: float) -> str:
            return METRICS[metric].value_text(value, task, 4)

        mean, upper = difference.mean, difference.upper
        good, bad = ("higher", "lower") if METRICS[metric].higher_is_better else ("lower", "higher")
        compared = f"{text(abs(mean))} {good if mean < 0 else bad} than" if mean else "that of"
        sure = f"with {100 * self.confidence:g}% confidence"
        if not math.isfinite(upper):
            bound = f"{sure} it has no bound"
        elif upper < 0:
            bound = f"{sure} at least {text(-upper)} {good}"
        else:
            bound = f"{sure} it may be up to {text(upper)} {bad}"
        if self.margin > 0:
            asked = f" At most {text(self.margin)} {bad} is allowed."
        elif self.margin < 0:
            asked = f" At least {text(-self.margin)} {good} is asked for."
        else:
            asked = "" if passed else f" It must be {good} beyond doubt."
        version = f"version {champion.version}" + ("'s" if mean else "")
        label = METRICS[metric].label
        return f"In {inputs.unit.counted(difference.periods)} {label} is {compared} {version}; {bound}.{asked}"
