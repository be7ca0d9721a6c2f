"""A finding of `airworthy check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class CheckFinding:
    """Describe a problem or a fact that the owner of a use case should know."""

    severity: Severity
    text: str
