"""Store claims on the monthly budget of trainings: one record per slot.

The process that creates the record has the slot, so two concurrent processes cannot both take the last one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from include.declaration.period import Period
from include.lake.object_store import StoragePath
from include.lake.record_store import RecordCorruptedError, RecordStore, encode_record
from include.project import Project
from include.retraining.policy import budget_month


class ReservationCorruptedError(RecordCorruptedError):
    """A claim cannot be read, so its day is unknown."""

    damaged = "The claims on the budget of trainings are damaged"
    consequence = "No training is started."


@dataclass(frozen=True)
class Reservation:
    """The claim of one day on one training."""

    period: Period
    slot: int
    """Number within the day's month, from 1."""


@dataclass(frozen=True)
class RetrainingBudget:
    """The claims of a use case, in `<lake>/<use case>/claims/<YYYY-MM>/<slot>.json`."""

    folder: StoragePath

    @classmethod
    def open(cls, project: Project) -> RetrainingBudget:
        """Return the budget of the project's use case.

        Raises:
            LakeFormatError: the lake has another format.
        """
        return cls(project.lake.root / "claims")

    def claims_of_month(self, period: Period) -> list[Reservation]:
        """Return all claims of that day's month, in the order of slots.

        Raises:
            ReservationCorruptedError: a claim cannot be read.
        """
        store = self.month_store(period)
        return store.read_all([store.key(slot) for slot in store.numbers()])

    def month_store(self, period: Period) -> RecordStore[Reservation]:
        """Return the files of the claims of that day's month."""
        return RecordStore(self.folder / budget_month(period), _decode_claim, ReservationCorruptedError, digits=2)

    def claim(self, period: Period, slots: int) -> Reservation | None:
        """Return the day's claim, or claim the first free of the month's `slots`.

        Returns None if no slot is free. Safe with concurrent processes; repeating it for a day returns the same claim.

        Raises:
            ReservationCorruptedError: a claim cannot be read.
        """
        if existing := next((claim for claim in self.claims_of_month(period) if claim.period == period), None):
            return existing
        store, content = self.month_store(period), encode_record({"period": period.key})
        for slot in range(1, slots + 1):
            if store.append(slot, content) or store.read(store.key(slot)).period == period:
                return Reservation(period, slot)
        return None


def _decode_claim(key: str, content: bytes) -> Reservation:
    return Reservation(Period(json.loads(content)["period"]), int(key))
