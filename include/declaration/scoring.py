"""Declare how predictions are computed.

Imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared


@declared
@dataclass(frozen=True)
class Scoring:
    """How predictions are computed; it changes none of their bits."""

    compiled: bool = False
    """Whether the trees of a version are compiled to native code, once on each machine. Needs the package `pylignum`,
    and a C compiler (`cc`) for the full speed; without them, scoring is slower and says so."""

    def __post_init__(self) -> None:
        require_field_types(self)
