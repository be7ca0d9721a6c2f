"""Define the gate on the features that a model reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from include.declaration.problems import declared
from include.evaluation.gates.base import BaseGate, Input
from include.evaluation.gates.result import GateResult, Outcome
from include.grammar import counted, listed, sentence

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs


@declared
@dataclass(frozen=True)
class SchemaGate(BaseGate):
    """Require that the model reads declared features, typed as the champion's."""

    kind: ClassVar[str] = "schema"
    needs: ClassVar[frozenset[Input]] = frozenset({"features", "declared", "champion"})
    untested: ClassVar[str] = "whether its signature fits the champion's"

    changed: frozenset[str] = frozenset()
    """Features that are added, dropped or retyped on purpose."""

    def __str__(self) -> str:
        return "signature fits that of the champion"

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Count the features that differ from the declared ones, or from the champion's."""
        reads, champion = inputs.features, inputs.champion
        if not reads:
            return self._results("inconclusive", "It is not known which features the model reads.")
        stray = {name for name, kind in reads.items() if inputs.declared.get(name) != kind}
        if stray:
            reason = f"The model reads {listed(stray)}, which the use case does not declare, or with another type."
            return self._results("failed", reason, len(stray))
        if champion is None:
            return self._results("inconclusive", "The champion of that period could not be determined.")
        declared = f"All {counted(len(reads), 'feature')} are declared"
        if champion.version is None:
            return self._results("passed", f"{declared}, and there is no champion of that period yet.", 0)
        if not champion.features:
            cause = f": {sentence(champion.why_not)}" if champion.why_not else "."
            reason = f"It is not known which features version {champion.version} reads{cause}"
            return self._results("inconclusive", reason)
        names = set(reads) | set(champion.features)
        differing = {name for name in names if reads.get(name) != champion.features.get(name)}
        if unforeseen := differing - self.changed:
            reason = (
                f"{listed(unforeseen)} {'differs' if len(unforeseen) == 1 else 'differ'} from what version"
                f" {champion.version} reads. Name what is changed on purpose in the gate's `changed`."
            )
            return self._results("failed", reason, len(unforeseen))
        meant = f", but for {listed(differing)}, changed on purpose" if differing else ""
        return self._results("passed", f"{declared}, and are those that version {champion.version} reads{meant}.", 0)

    def _results(self, outcome: Outcome, reason: str, value: int | None = None) -> list[GateResult]:
        return [self.result(outcome, reason, metric="differing features", value=value, limit=0)]
