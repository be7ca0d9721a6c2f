"""What a backfill is asked for: periods, and the phases that work them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from include.declaration import form_limits
from include.declaration.data_declaration import DataDeclaration
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import InvalidRequestError
from include.grammar import counted

Phase = Literal["land", "build", "score", "measure"]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""In their order. Each phase ends for all periods before the next begins, so no partition is built twice."""
Kind = Literal["data", "score", "monitor"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PHASES_OF: Mapping[Kind, tuple[Phase, ...]] = {
    "data": ("land", "build"),
    "score": ("score",),
    "monitor": ("measure",),
}
"""The phases that do the work of a DAG."""
CHUNK_PERIODS = 30
"""Periods that one process works, unless the form says otherwise."""


class BackfillRequestError(InvalidRequestError):
    """A backfill cannot be done as it was asked for."""

    def __init__(self, use_case: str, problem: str) -> None:
        self.use_case, self.problem = use_case, problem
        super().__init__(f"{use_case}: {problem} Nothing was built.")


@dataclass(frozen=True)
class BackfillRequest:
    """The periods and the kinds of a backfill."""

    first: Period
    last: Period
    kinds: tuple[Kind, ...] = KINDS
    only: frozenset[Period] = frozenset()
    """Of the range, these periods alone; all if it is empty."""
    settled: bool = False
    """Whether the sources of periods are asked again whose partitions are as the code and inputs make them."""

    @classmethod
    def parse(cls, use_case: DataDeclaration, fields: Mapping[str, Any]) -> BackfillRequest:
        """Return the request of plain values, named as the fields, of a form or command.

        Without a first and a last period, they are those of `only`.

        Raises:
            BackfillRequestError: a kind is unknown, no period is named, or the range is empty.
            PeriodError: a value is no period of the use case's calendar.
        """
        only = [use_case.calendar.parse(key, use_case.name) for key in fields.get("only") or ()]
        ends = [fields.get("first") or (min(only).key if only else None)]
        ends.append(fields.get("last") or (max(only).key if only else None))
        if None in ends:
            raise BackfillRequestError(use_case.name, "Name the first and the last period, or single ones.")
        first, last = (use_case.calendar.parse(str(end), use_case.name) for end in ends)
        own = kinds_of(use_case)
        kinds = tuple(fields.get("kinds") or own)
        if unknown := sorted(set(kinds) - set(own)):
            known = ", ".join(own)
            raise BackfillRequestError(
                use_case.name, f"There is no {', '.join(unknown)} to backfill; there is {known}."
            )
        request = cls(
            first, last, tuple(kind for kind in own if kind in kinds), frozenset(only), bool(fields.get("settled"))
        )
        request._require_periods(use_case)
        return request

    def _require_periods(self, use_case: DataDeclaration) -> None:
        if self.last < self.first:
            raise BackfillRequestError(use_case.name, f"The last period {self.last} is before the first, {self.first}.")
        if len(self.only) > form_limits.LIST_LENGTH:
            raise BackfillRequestError(
                use_case.name, f"At most {form_limits.LIST_LENGTH:,} single periods can be named; use a range."
            )
        if outside := sorted(period for period in self.only if not self.first <= period <= self.last):
            raise BackfillRequestError(use_case.name, f"{outside[0]} is outside {self.first} to {self.last}.")
        for period in (self.first, self.last):
            use_case.require(period)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of the kinds, in order."""
        return tuple(phase for kind in self.kinds for phase in PHASES_OF[kind])

    def periods(self, use_case: DataDeclaration, phase: Phase) -> list[Period]:
        """Return the asked periods that a phase has work in, in order.

        A score is due only on the periods of the declared schedule.
        """
        asked = period_range(self.first, self.last)
        chosen = [period for period in asked if not self.only or period in self.only]
        if phase != "score" or not isinstance(use_case, UseCase):
            return chosen
        return [period for period in chosen if use_case.is_scored(period)]

    def fields(self) -> dict[str, Any]:
        """Return the request as plain values, see `parse`."""
        only = sorted(period.key for period in self.only)
        ends = {"first": self.first.key, "last": self.last.key}
        return {**ends, "kinds": list(self.kinds), "only": only, "settled": self.settled}

    @property
    def text(self) -> str:
        """Describe it in a few words."""
        periods = f"{self.first} to {self.last}" if not self.only else counted(len(self.only), "single period")
        return f"{', '.join(self.kinds)} of {periods}"


def kinds_of(use_case: DataDeclaration) -> tuple[Kind, ...]:
    """Return what can be backfilled: a feature group has only data."""
    return KINDS if isinstance(use_case, UseCase) else ("data",)


def phases_of(use_case: DataDeclaration) -> tuple[Phase, ...]:
    """Return the phases of a backfill of everything, in order."""
    return tuple(phase for kind in kinds_of(use_case) for phase in PHASES_OF[kind])


def chunked(periods: Sequence[Period], size: int) -> list[list[Period]]:
    """Return the periods in chunks of at most `size`, in order."""
    return [list(periods[start : start + size]) for start in range(0, len(periods), size)]
