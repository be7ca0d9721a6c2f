"""Compare what a backfill was asked for with what is in the lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from include.backfill.plan import plan_phase
from include.backfill.request import PHASES_OF, BackfillRequest, Kind, Phase
from include.backfill.states import PeriodState, Step
from include.declaration.period import Period
from include.errors import AirworthyError
from include.grammar import counted
from include.project import DataProject

SHOWN = 20
"""Left periods that a message or a command names; the report lists all."""


@dataclass(frozen=True)
class LeftPeriod:
    """A period whose tables are not as asked."""

    kind: Kind
    phase: Phase
    period: Period
    reason: str


@dataclass(frozen=True)
class Reconciliation:
    """What was asked, and what is left."""

    use_case: str
    request: BackfillRequest
    asked: Mapping[Phase, int]
    """Number of asked periods of each phase."""
    left: tuple[LeftPeriod, ...]

    @property
    def command(self) -> str:
        """Return the command that works what is left, alone; empty if nothing is.

        Many periods are named by their range: a backfill does not touch what is settled in it.
        """
        if not self.left:
            return ""
        kinds = ",".join(dict.fromkeys(left.kind for left in self.left))
        periods = sorted({left.period for left in self.left})
        few = f"--only {','.join(period.key for period in periods)}"
        chosen = few if len(periods) <= SHOWN else f"--from {periods[0]} --to {periods[-1]}"
        return f"airworthy backfill {self.use_case} --kinds {kinds} {chosen}"

    @property
    def counts(self) -> Iterator[str]:
        """Yield a line for each phase."""
        for phase, asked in self.asked.items():
            left = sum(one.phase == phase for one in self.left)
            yield f"{phase}: {asked - left:,} of {counted(asked, 'period')} are in the lake as asked"

    @property
    def lines(self) -> Iterator[str]:
        """Yield a line for each phase, and one for each left period."""
        yield from self.counts
        for one in self.left:
            yield f"  left: {one.phase} of {one.period}: {one.reason}"


class BackfillIncompleteError(AirworthyError):
    """Periods of a backfill are left."""

    def __init__(self, found: Reconciliation) -> None:
        self.use_case, self.left, self.command = found.use_case, found.left, found.command
        named = "; ".join(f"{one.phase} of {one.period}: {one.reason}" for one in found.left[:SHOWN])
        more = f"; and {len(found.left) - SHOWN} more" if len(found.left) > SHOWN else ""
        super().__init__(
            f"{found.use_case}: the backfill of {found.request.text} has left"
            f" {counted(len({one.period for one in found.left}), 'period')}: {named}{more}. Everything else is in the"
            f" lake. Correct the cause, then work them alone: {found.command}"
        )


def reconcile(
    project: DataProject, request: BackfillRequest, states: Mapping[tuple[Step, Period], PeriodState]
) -> Reconciliation:
    """Return what is left of a request, by the lake and not by what the tasks said.

    The reason is the one with which the period was refused or failed, if it was.
    """
    asked: dict[Phase, int] = {}
    left: list[LeftPeriod] = []
    for kind in request.kinds:
        for phase in PHASES_OF[kind]:
            plan = plan_phase(project, request, phase)
            asked[phase] = plan.asked
            for work in plan.work:
                state = states.get((phase, work.period))
                reason = state.message if state is not None and state.message else work.reason
                left.append(LeftPeriod(kind, phase, work.period, reason))
    return Reconciliation(project.use_case.name, request, asked, tuple(left))
