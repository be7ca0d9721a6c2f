"""Define the gate that compares a model with the champion on the same test days."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from include.declaration.gates import CHAMPION, MODEL, require_one_of
from include.declaration.period import periods_of
from include.declaration.problems import declared, require
from include.evaluation.gates.base import BaseGate, Input
from include.evaluation.gates.result import GateResult, outcome_of
from include.grammar import counted
from include.model.metrics import ADDITIVE, METRICS, MetricName

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.declaration.costs import DecisionCosts
    from include.evaluation.inputs import ChampionInputs, GateInputs
    from include.model.arrays import Numbers
    from include.model.bootstrap import PairedDifference


@declared
@dataclass(frozen=True)
class Comparison:
    """Hold challenger minus champion on unseen days, by row and overall.

    These are the days that the champion has not seen.
    """

    periods: npt.NDArray[np.datetime64]
    differences: Numbers
    difference: PairedDifference


@declared
@dataclass(frozen=True)
class ChampionGate(BaseGate):
    """Require that the metric is at most the margin worse than the champion's.

    It must be so with confidence. A one-sided paired bootstrap over the same test days. `margin=0` means that the
    challenger must be better; a positive margin, in the metric's unit, allows the challenger to be worse by that much;
    a negative one requires that much gain.
    """

    kind: ClassVar[str] = "champion"
    needs: ClassVar[frozenset[Input]] = frozenset({"rows", "champion"})
    untested: ClassVar[str] = "how it does against the champion on the same days"

    metric: MetricName = "log_loss"
    margin: float = 0.0
    confidence: float = 0.95
    min_periods: int = field(default=14, kw_only=True)  # otherwise the redeclared field would be positional

    def require_possible(self) -> None:
        require_one_of(self.metric, ADDITIVE, "ChampionGate: days are resampled, so metric=")
        finite = math.isfinite(self.margin)
        require(finite, "ChampionGate: margin must be a finite number, in the metric's unit.", field="margin")
        possible = 0.5 < self.confidence <= 0.999
        require(possible, "ChampionGate: confidence must be above 0.5 and at most 0.999.", field="confidence")
        problem = "ChampionGate: min_periods must be at least 5: fewer days cannot be resampled."
        require(self.min_periods >= 5, problem, field="min_periods")

    def __str__(self) -> str:
        if self.margin == 0:
            return f"{self.metric} better than the champion"
        if self.margin < 0:
            return f"{self.metric} better than the champion by {-self.margin:g}"
        return f"{self.metric} not worse than the champion by {self.margin:g}"

    def judge(self, inputs: GateInputs, costs: DecisionCosts) -> list[GateResult]:
        """Compare the mean difference's upper confidence bound with the margin.

        Only on test days that the champion has not seen. With a margin of 0 the bound must lie strictly below.
        """
        compared = self.compare(inputs, costs)
        if isinstance(compared, GateResult):
            return [compared]
        assert inputs.champion is not None
        difference = compared.difference
        passed = difference.upper < 0 if self.margin == 0 else difference.upper <= self.margin
        value = difference.upper if math.isfinite(difference.upper) else None
        reason = self._reason(difference, inputs.champion, passed)
        return [self.result(outcome_of(passed), reason, metric=self.metric, value=value, limit=self.margin)]

    def compare(self, inputs: GateInputs, costs: DecisionCosts) -> Comparison | GateResult:
        """Return the judged comparison, or a result if nothing can be compared."""
        from include.evaluation.judging import rows_unseen_by_champion
        from include.model import bootstrap, metrics

        unseen = rows_unseen_by_champion(self, self.metric, inputs)
        if isinstance(unseen, GateResult):
            return unseen
        rows = inputs.rows
        assert rows is not None
        own, other = (
            metrics.losses(self.metric, rows.labels[unseen], rows.predicted[subject][unseen], costs)
            for subject in (MODEL, CHAMPION)
        )
        periods, differences = rows.periods[unseen], own - other
        return Comparison(
            periods, differences, bootstrap.paired_differences(periods, differences, confidence=self.confidence)
        )

    def plot(self, title: str, inputs: GateInputs, costs: DecisionCosts) -> bytes | None:
        """Plot the difference to the champion on each day, if there is one."""
        import numpy as np

        from include.evaluation import plots

        compared = self.compare(inputs, costs)
        if isinstance(compared, GateResult):
            return None
        periods, place = np.unique(compared.periods.astype("datetime64[D]"), return_inverse=True)
        return plots.plot_champion(
            f"{title}: against version {inputs.champion.version if inputs.champion else ''}",
            periods_of(periods.tolist()),
            np.bincount(place, weights=compared.differences) / np.bincount(place),
            mean=compared.difference.mean,
            interval=(compared.difference.lower, compared.difference.upper),
            margin=self.margin,
            metric=self.metric,
        )

    def _reason(self, difference: PairedDifference, champion: ChampionInputs, passed: bool) -> str:
        mean, upper = difference.mean, difference.upper
        compared = f"{abs(mean):.4g} {'lower' if mean < 0 else 'higher'} than" if mean else "that of"
        sure = f"with {100 * self.confidence:g}% confidence"
        if not math.isfinite(upper):
            bound = f"{sure} it has no bound"
        elif upper < 0:
            bound = f"{sure} at least {-upper:.4g} lower"
        else:
            bound = f"{sure} it may be up to {upper:.4g} higher"
        if self.margin > 0:
            asked = f" At most {self.margin:g} higher is allowed."
        elif self.margin < 0:
            asked = f" At least {-self.margin:g} lower is asked for."
        else:
            asked = "" if passed else " It must be lower beyond doubt."
        version = f"version {champion.version}" + ("'s" if mean else "")
        label = METRICS[self.metric].label
        return f"On {counted(difference.periods, 'day')} {label} is {compared} {version}; {bound}.{asked}"
