"""Claims on the budget of trainings: a file for each slot of a month, made once and never changed or removed.

Whoever makes the file has the slot. Two processes that decide at once cannot both have the last one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date

from include.declaration.use_case import UseCase
from include.errors import AirworthyError
from include.lake.lake_format import lake_root
from include.lake.object_store import StoragePath


class ReservationCorruptedError(AirworthyError):
    """A claim cannot be read, so nobody knows whose it is."""

    def __init__(self, place: StoragePath, cause: Exception) -> None:
        super().__init__(
            f"The claim {'/'.join(place.uri.split('/')[-2:])} cannot be read ({cause}), and no training is started."
            f" Restore {place} from a backup."
        )


@dataclass(frozen=True)
class Reservation:
    """The right to one training, for one day."""

    day: date
    slot: int
    """From 1 on, of the day's month."""


@dataclass(frozen=True)
class RetrainingBudget:
    """The claims of one use case, under `<lake>/<use case>/claims/<YYYY-MM>/<slot>.json`."""

    folder: StoragePath

    @classmethod
    def of(cls, use_case: UseCase) -> RetrainingBudget:
        return cls(lake_root(use_case.name) / "claims")

    def of_month(self, day: date) -> list[Reservation]:
        """All claims of that day's month, in the order of slots. Raises ReservationCorruptedError."""
        folder = self.folder / f"{day:%Y-%m}"
        names = [name for name in folder.names() if re.fullmatch(r"\d+\.json", name)]
        found = zip(names, folder.read_all(names), strict=True)
        return sorted((_claim(folder / name, content) for name, content in found), key=lambda claim: claim.slot)

    def claim(self, day: date, slots: int) -> Reservation | None:
        """The day's claim, made now unless it has one: the first free of the month's `slots`; None if none is free.

        Safe among processes, and the same for the same day however often it is called. Raises
        ReservationCorruptedError.
        """
        if there := next((claim for claim in self.of_month(day) if claim.day == day), None):
            return there
        content = (json.dumps({"day": day.isoformat()}) + "\n").encode()
        for slot in range(1, slots + 1):
            place = self.folder / f"{day:%Y-%m}" / f"{slot:02d}.json"
            if place.create(content) or _claim(place, place.read()).day == day:
                return Reservation(day, slot)
        return None


def _claim(place: StoragePath, content: bytes) -> Reservation:
    try:
        return Reservation(date.fromisoformat(json.loads(content)["day"]), int(place.name.removesuffix(".json")))
    except (ValueError, TypeError, KeyError) as error:
        raise ReservationCorruptedError(place, error) from error
