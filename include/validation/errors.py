"""Define the error of a period whose features or predictions break an expectation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.declaration.period import Period
from include.errors import DataError


@dataclass(frozen=True)
class BrokenExpectation:
    """An expectation that the rows of a period break."""

    expectation: str
    observed: str
    remedy: str
    """What to change; also what to declare if the rows are right."""


CONSEQUENCE = {
    "features": "nothing was published, and the features that the period had before are unchanged",
    "shadow_predictions": "nothing was stored; the published predictions are not affected",
    "predictions": "nothing was stored or exported, and the predictions that the period had before are unchanged",
}


class PeriodRefusedError(DataError):
    """Features or predictions of a period break an expectation.

    None of them is published.
    """

    def __init__(
        self, use_case: str, table: str, period: Period, broken: Sequence[BrokenExpectation], page: str | None = None
    ) -> None:
        self.use_case, self.table, self.period, self.page = use_case, table, period, page
        self.broken = tuple(broken)
        found = "; ".join(f"{one.expectation} (observed: {one.observed})" for one in broken)
        remedies = " ".join(dict.fromkeys(one.remedy for one in broken))
        shown = f" Validation page: {page}." if page else ""
        super().__init__(
            f"{use_case}: the {table.replace('_', ' ')} of {period} were refused, so {CONSEQUENCE[table]}."
            f" Broken: {found}.{shown} {remedies}"
        )
