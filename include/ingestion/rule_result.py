"""Define the judgement of one rule, as the validation page shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["row", "table"]


@dataclass(frozen=True)
class RuleResult:
    """The judgement of one rule, met or not, without values of rows."""

    rule: str
    level: Level
    met: bool
    unexpected: int
    """Rows that break a row-level rule."""
    observed: str = ""
    """What a table-level expectation observed; empty if it does not say."""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RuleResult:
        """Build the object from the values of `asdict`."""
        level: Level = "row" if values["level"] == "row" else "table"
        return cls(str(values["rule"]), level, bool(values["met"]), int(values["unexpected"]), str(values["observed"]))
