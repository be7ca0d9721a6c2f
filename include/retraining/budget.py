"""Store claims on the monthly budget of trainings: one file per slot, never changed.

The process that creates the file has the slot, so two concurrent processes cannot both take the last one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from include.declaration.period import Period
from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.lake.lake_format import lake_root
from include.lake.object_store import StoragePath
from include.retraining.policy import budget_month


class ReservationCorruptedError(AirworthyError):
    """Report a claim that cannot be read, so that its day is unknown."""

    def __init__(self, place: StoragePath, cause: Exception) -> None:
        super().__init__(
            f"The claim {'/'.join(place.uri.split('/')[-2:])} cannot be read ({cause}), and no training is started."
            f" Restore {place} from a backup."
        )


@dataclass(frozen=True)
class Reservation:
    """Hold the claim of one day on one training."""

    period: Period
    slot: int
    """Number within the day's month, from 1."""


@dataclass(frozen=True)
class RetrainingBudget:
    """Store the claims of a use case in `<lake>/<use case>/claims/<YYYY-MM>/<slot>.json`."""

    folder: StoragePath

    @classmethod
    def of(cls, use_case: UseCase) -> RetrainingBudget:
        return cls(lake_root(use_case.name) / "claims")

    def of_month(self, period: Period) -> list[Reservation]:
        """Return all claims of that day's month, in the order of slots.

        Raises:
            ReservationCorruptedError: a claim cannot be read.
        """
        folder = self.folder / budget_month(period)
        names = [name for name in folder.names() if re.fullmatch(r"\d+\.json", name)]
        files = zip(names, folder.read_all(names), strict=True)
        return sorted((_claim(folder / name, content) for name, content in files), key=lambda claim: claim.slot)

    def claim(self, period: Period, slots: int) -> Reservation | None:
        """Return the day's claim; without one, claim the first free of the month's `slots`.

        Returns None if no slot is free. Safe with concurrent processes; repeating it for a day returns the same claim.

        Raises:
            ReservationCorruptedError: a claim cannot be read.
        """
        if existing := next((claim for claim in self.of_month(period) if claim.period == period), None):
            return existing
        content = (json.dumps({"day": period.key}) + "\n").encode()
        for slot in range(1, slots + 1):
            place = self.folder / budget_month(period) / f"{slot:02d}.json"
            if place.create(content) or _claim(place, place.read()).period == period:
                return Reservation(period, slot)
        return None


def _claim(place: StoragePath, content: bytes) -> Reservation:
    try:
        return Reservation(Period(json.loads(content)["day"]), int(place.name.removesuffix(".json")))
    except (ValueError, TypeError, KeyError) as error:
        raise ReservationCorruptedError(place, error) from error
