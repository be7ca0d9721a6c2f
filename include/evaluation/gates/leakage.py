"""Define the gate that tests features, labels and quarantine decisions for leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from include.declaration.problems import declared, require
from include.evaluation.gates.base import BaseGate, GateLimits, Input
from include.evaluation.gates.result import GateResult, Outcome
from include.grammar import listed, sentence

if TYPE_CHECKING:
    from include.declaration.task import Task
    from include.evaluation.inputs import GateInputs, RebuiltPeriod

MIN_PERIODS = 6
"""Days with rows that must have been built again for the gate to pass."""


@declared
@dataclass(frozen=True)
class LeakageGate(BaseGate):
    """Require that features, labels and quarantine do not use later data.

    Sampled days are built again with all later data changed; any difference blocks. At least half of them are training
    days, the others validation and test days; they include all weekdays that the window has. Each training samples
    other days. include/evaluation/checks/leakage_check.py lists what this does not cover.
    """

    kind: ClassVar[str] = "leakage"
    needs: ClassVar[frozenset[Input]] = frozenset({"rebuilt_periods"})
    untested: ClassVar[str] = "whether a feature sees the future"

    periods: int = 8
    """Days that are built again. With 8, all weekdays are among them; with 14, each is one of the training days and one
    of the others."""

    def require_possible(self) -> None:
        require(
            self.periods >= MIN_PERIODS,
            f"LeakageGate: periods must be at least {MIN_PERIODS}, not {self.periods}.",
            field="periods",
        )

    def require_fit(self, limits: GateLimits, gates: Sequence[BaseGate]) -> None:
        super().require_fit(limits, gates)
        require(
            limits.rebuildable_periods >= MIN_PERIODS,
            f"LeakageGate: in the shortest window, only {limits.unit.counted(limits.rebuildable_periods)} can be"
            f" built again, and"
            f" {MIN_PERIODS} are needed: declare longer train, validation or test periods.",
        )

    def __str__(self) -> str:
        return "nothing sees the future"

    @property
    def periods_to_rebuild(self) -> int:
        return self.periods

    def judge(self, inputs: GateInputs, task: Task) -> list[GateResult]:
        """Count the leaks of the days that were built again.

        Leaks are features, labels and quarantine decisions that differ, and forbidden reads. A day that cannot be built
        again with the same result fails; a day without rows is not counted.
        """
        rebuilt = inputs.rebuilt_periods
        if not rebuilt:
            return self._results("inconclusive", "No period was built again.")
        leaks = {name for built in rebuilt for name in (*built.leaking, *built.read)}
        if leaks:
            return self._results("failed", _describe_leaks(rebuilt), len(leaks))
        for built in rebuilt:
            if reason := _unreliable_reason(built):
                return self._results("failed", reason)
        tried = [str(built.period) for built in rebuilt if built.rows]
        if len(tried) < MIN_PERIODS:
            empty = [str(built.period) for built in rebuilt if not built.rows]
            reason = f"Only {inputs.unit.counted(len(tried))} could be tried, and {MIN_PERIODS} are needed."
            reason += f" There are no rows of {listed(empty)}." if empty else ""
            return self._results("inconclusive", reason)
        reason = (
            f"Everything that became known later was changed in {inputs.unit.counted(len(tried))} ({listed(tried)}),"
            f" and no"
            " feature, label or quarantine decision moved."
        )
        return self._results("passed", reason, 0)

    def _results(self, outcome: Outcome, reason: str, value: int | None = None) -> list[GateResult]:
        return [self.result(outcome, reason, metric="leaks", value=value, limit=0)]


def _describe_leaks(rebuilt: Sequence[RebuiltPeriod]) -> str:
    parts = []
    if leaking := {name for built in rebuilt for name in built.leaking}:
        periods = listed([str(built.period) for built in rebuilt if built.leaking])
        parts.append(f"On {periods} {listed(leaking)} changed when only later data was changed.")
    if read := {name for built in rebuilt for name in built.read}:
        periods = listed([str(built.period) for built in rebuilt if built.read])
        parts.append(
            f"On {periods} the use case's functions read {listed(read)}, which they were not given and which may know"
            " the future. Use the feeds that the functions are given; what they share with source.py belongs into a"
            " module of its own, constants into the use case's package."
        )
    return " ".join(parts)


def _unreliable_reason(built: RebuiltPeriod) -> str:
    """Return why a rebuilt day cannot show whether there is a leak; empty if it can."""
    if built.error:
        return f"{built.period} could not be built again: {sentence(built.error)}"
    if built.non_deterministic:
        return (
            f"{built.period} differs when built twice from the same data, so whether it leaks cannot be decided:"
            f" {listed(built.non_deterministic)}. Remove from the use case's functions what is left to chance: random"
            " numbers, the clock, the order of rows."
        )
    if built.outdated:
        return (
            f"The stored rows of {built.period} were built by other code than the current code, or from inputs that"
            " these functions are not given, so they prove nothing. Build the period again with the use case's data"
            " DAG,"
            " then train again."
        )
    return ""
