"""Claim: the right to one training of the month's budget, which two processes cannot both have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from include.declaration.use_case import UseCase
from include.errors import InvalidRequestError
from include.project import Project
from include.retraining import decide
from include.retraining.budget import Reservation, RetrainingBudget


@dataclass(frozen=True)
class ReservationResult:
    """Whether the day may train; plain values."""

    day: str
    slot: int | None
    """Of the month's budget; None where others were first."""
    reason: str


def reserve_slot(project: Project, day: date) -> ReservationResult:
    """Claim a training for a day that was decided to retrain; the same again for the same day changes nothing.

    Raises InvalidRequestError for a day that was not decided so: nothing claims a training but a decision.
    ReservationCorruptedError.
    """
    use_case = project.use_case
    decision = decide.existing_decision(project, day)
    if decision is None or decision.outcome != "retrain":
        what = "is not decided yet" if decision is None else "was decided to hold"
        raise InvalidRequestError(
            f"{use_case.name}: {day} {what}, so no training is claimed for it. To train all the same, trigger"
            f" {use_case.name}__train with that day and a reason."
        )
    claim = RetrainingBudget.of(use_case).claim(day, use_case.retraining.per_month)
    return _result(use_case, day, claim)


def existing_reservation(use_case: UseCase, day: date) -> ReservationResult:
    """What the day has claimed; claims nothing. Raises ReservationCorruptedError."""
    return _result(
        use_case, day, next((each for each in RetrainingBudget.of(use_case).of_month(day) if each.day == day), None)
    )


def _result(use_case: UseCase, day: date, claim: Reservation | None) -> ReservationResult:
    month, slots = f"{day:%Y-%m}", use_case.retraining.per_month
    if claim is None:
        return ReservationResult(
            day.isoformat(), None, f"The budget of {month} is spent: others claimed all {slots} first."
        )
    return ReservationResult(day.isoformat(), claim.slot, f"Training {claim.slot} of {slots} for days of {month}.")
