"""Reserve one training of the month's budget for a decided day."""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.project import Project
from include.retraining import decide
from include.retraining.budget import Reservation, RetrainingBudget
from include.retraining.policy import budget_month
from include.retraining.retraining_errors import NotDecidedError


@dataclass(frozen=True)
class ReservationResult:
    """Hold whether the day may train; plain values."""

    period: str
    slot: int | None
    """The slot of the month's budget; None if other days took all."""
    reason: str


def reserve_slot(project: Project, period: Period) -> ReservationResult:
    """Claim a training for a day whose decision is to retrain.

    Repeating it changes nothing.

    Raises:
        NotDecidedError: the day has no decision to retrain.
        ReservationCorruptedError: a claim of the month cannot be read.
    """
    use_case = project.use_case
    decision = decide.existing_decision(project, period)
    if decision is None or decision.outcome != "retrain":
        raise NotDecidedError(use_case.name, period, decision.outcome if decision else None)
    claim = RetrainingBudget.open(project).claim(period, use_case.retraining.per_month)
    return _result(use_case, period, claim)


def existing_reservation(project: Project, period: Period) -> ReservationResult:
    """Return the day's claim without claiming one.

    Raises:
        ReservationCorruptedError: a claim of the month cannot be read.
    """
    claims = RetrainingBudget.open(project).claims_of_month(period)
    return _result(project.use_case, period, next((claim for claim in claims if claim.period == period), None))


def _result(use_case: UseCase, period: Period, claim: Reservation | None) -> ReservationResult:
    month, slots = budget_month(period), use_case.retraining.per_month
    if claim is None:
        return ReservationResult(
            period.key, None, f"The budget of {month} is spent: other periods have all {slots} trainings."
        )
    return ReservationResult(period.key, claim.slot, f"Training {claim.slot} of {slots} for periods of {month}.")
