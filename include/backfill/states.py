"""Keep what became of each period of a backfill."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from include.backfill.request import Phase
from include.declaration.calendars import Calendar
from include.declaration.period import Period
from include.lake.record_store import RecordStore, encode_record
from include.project import DataProject

FOLDER = "backfills"
"""Folder of the states of all backfills of a use case."""
Step = Phase | Literal["train", "decide"]
"""What is done for a period: a phase of a backfill, or a step of a history that is brought live."""
Outcome = Literal["done", "refused", "failed"]
"""`refused`: another try cannot help; `failed`: it can."""
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class PeriodState:
    """What became of one period in one phase."""

    phase: Step
    period: Period
    outcome: Outcome
    message: str = ""
    """Why it was refused or failed."""
    error: str = ""
    """The class of the error."""
    seconds: float = 0.0
    """Wall-clock time."""


@dataclass(frozen=True)
class BackfillStates:
    """The states of one backfill: one record for each try of a period.

    The last one counts.
    """

    store: RecordStore[PeriodState]

    @classmethod
    def open(cls, project: DataProject, backfill: str) -> BackfillStates:
        """Return the states of a backfill by its name, such as the id of its run."""
        calendar = project.use_case.calendar
        folder = project.root / FOLDER / backfill
        return cls(RecordStore(folder, lambda _, content: _decode(calendar, content)))

    def write(self, state: PeriodState) -> None:
        """Keep what became of a period."""
        content = encode_record(asdict(state) | {"period": state.period.key})
        name, attempt = f"{state.phase}.{state.period}", 1
        while not self.store.create(f"{name}.{attempt:03}", content):
            attempt += 1

    def last(self) -> dict[tuple[Step, Period], PeriodState]:
        """Return the state of the last try of each period.

        Raises:
            RecordCorruptedError: a record is damaged.
        """
        states = self.store.read_all(sorted(self.store.list_keys()))
        return {(state.phase, state.period): state for state in states}


def backfill_name(run_id: str) -> str:
    """Return the name of the backfill of a run of Airflow, fit for a folder."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in run_id)


def _decode(calendar: Calendar, content: bytes) -> PeriodState:
    values = json.loads(content)
    if values["outcome"] not in OUTCOMES:
        raise ValueError(values["outcome"])
    return PeriodState(**values | {"period": calendar.parse(values["period"], "backfill")})
