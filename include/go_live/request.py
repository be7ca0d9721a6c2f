"""Parse what a history is asked for: periods, trainings, the first decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.backfill.request import BackfillRequest
from include.declaration.period import Period, period_range
from include.declaration.use_case import UseCase
from include.errors import InvalidRequestError
from include.grammar import counted
from include.model import splits
from include.pipelines.context import Promotion


class GoLiveRequestError(InvalidRequestError):
    """A history cannot be brought live as it was asked for."""

    def __init__(self, use_case: str, problem: str) -> None:
        self.use_case, self.problem = use_case, problem
        super().__init__(f"{use_case}: {problem} Nothing was built.")


@dataclass(frozen=True)
class GoLiveRequest:
    """The periods of a history, and when its models are trained."""

    first: Period
    last: Period
    train_as_of: tuple[Period, ...]
    """Periods to train as of, in order."""
    decide_from: Period
    """The first period with a retraining decision."""
    promotion: Promotion | None = None
    """Whether a person must approve; None: as declared."""

    @classmethod
    def parse(cls, use_case: UseCase, fields: Mapping[str, Any]) -> GoLiveRequest:
        """Return the request of plain values, named as the fields, of a form or command.

        Without named trainings, one is due at each period of the declared schedule for which the history is long
        enough. Without a first decision, the chain of decisions begins with the first training.

        Raises:
            GoLiveRequestError: no training is due, or a named period is outside of the range.
            BackfillRequestError: the range is empty.
            PeriodError: a value is no period of the use case's calendar.
        """
        ends = {key: fields.get(key) for key in ("first", "last")}
        if not all(ends.values()):
            raise GoLiveRequestError(use_case.name, "Name the first and the last period of the history.")
        data = BackfillRequest.parse(use_case, {**ends, "kinds": ["data"]})
        named = [use_case.calendar.parse(key, use_case.name) for key in fields.get("train_as_of") or ()]
        due = sorted(set(named)) or due_trainings(use_case, data.first, data.last)
        if not due:
            raise GoLiveRequestError(use_case.name, _nothing_due(use_case, data))
        begin = fields.get("decide_from")
        decide_from = use_case.calendar.parse(begin, use_case.name) if begin else due[0]
        for period in (*due, decide_from):
            if not data.first <= period <= data.last:
                raise GoLiveRequestError(
                    use_case.name, f"{period} is outside {data.first} to {data.last}: name another, or a wider range."
                )
        return cls(data.first, data.last, tuple(due), decide_from, fields.get("promotion"))

    @property
    def data(self) -> BackfillRequest:
        """Return the backfill of the history's data."""
        return BackfillRequest(self.first, self.last, ("data",))

    @property
    def results(self) -> BackfillRequest:
        """Return the backfill of predictions and metrics.

        They begin with the first training.
        """
        return BackfillRequest(self.train_as_of[0], self.last, ("score", "monitor"))

    @property
    def walked(self) -> list[Period]:
        """Return the periods to train, score, measure and decide for, in order."""
        return period_range(self.train_as_of[0], self.last)

    @property
    def text(self) -> str:
        """Describe it in a few words."""
        trainings = ", ".join(map(str, self.train_as_of[:5])) + (", …" if len(self.train_as_of) > 5 else "")
        return (
            f"data from {self.first} to {self.last}; {counted(len(self.train_as_of), 'training')} as of {trainings};"
            f" scores and metrics from {self.train_as_of[0]}; decisions from {self.decide_from}"
        )


def due_trainings(use_case: UseCase, first: Period, last: Period) -> list[Period]:
    """Return the periods at which a training is due.

    Before them, the history holds the declared splits.
    """
    if use_case.training.schedule is None:
        return []
    earliest = max(first, splits.earliest_training(use_case))
    if last < earliest:
        return []
    return [period for period in period_range(earliest, last) if use_case.is_due(period, use_case.training.schedule)]


def _nothing_due(use_case: UseCase, data: BackfillRequest) -> str:
    if use_case.training.schedule is None:
        return "It declares no schedule of trainings. Name the periods to train as of."
    return (
        f"No training is due from {data.first} to {data.last}: the declared splits need a history up to"
        f" {splits.earliest_training(use_case)}. Choose a later last period, or name the periods to train as of."
    )
