"""Define the names of the files that hold the reports of validations.

A name has the counts, so that calendars and forms need not read the files. Imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from include.declaration.period import Period, is_key

FOLDER = "validations"
"""Folder of the reports, next to the tables of a use case or feature group."""
Outcome = Literal["published", "refused"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_SUFFIX = ".json"
_PARTS = 5
"""Parts of a name, separated by dots; none of them contains a dot."""


@dataclass(frozen=True)
class ReportName:
    """What the name of a report tells."""

    key: str
    """Key of the period."""
    outcome: Outcome
    rows: int
    quarantined: int
    content: str
    """Identifies the validated content: see `content_of`."""

    @property
    def period(self) -> Period:
        """Return the period; to make it takes longer than to read the rest of the name."""
        return Period(self.key)

    @classmethod
    def parse(cls, file: str) -> ReportName | None:
        """Return what the name of a file tells; None if it is none of a report."""
        parts = file.removesuffix(_SUFFIX).split(".")
        if not file.endswith(_SUFFIX) or len(parts) != _PARTS or not is_key(parts[0]):
            return None
        outcome = next((known for known in OUTCOMES if known == parts[1]), None)
        if outcome is None or not (parts[2].isdecimal() and parts[3].isdecimal()):
            return None
        return cls(parts[0], outcome, int(parts[2]), int(parts[3]), parts[4])

    @property
    def file(self) -> str:
        """Return the name of the file."""
        parts = (self.key, self.outcome, str(self.rows), str(self.quarantined), self.content)
        return f"{'.'.join(parts)}{_SUFFIX}"
