"""Declare how predictions are computed.

Imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass

from include.declaration.field_types import require_field_types
from include.declaration.problems import declared, require


@declared
@dataclass(frozen=True)
class Scoring:
    """How predictions are computed; it changes none of their bits."""

    compiled: bool = False
    """Whether the trees of a version are compiled to native code, once on each machine. Needs the package `pylignum`,
    and a C compiler (`cc`) for the full speed; without them, scoring is slower and says so."""

    shard_rows: int | None = None
    """Most rows that one task scores. A period with more rows is scored in shards, by tasks that run side by side on
    all workers; None: one task scores each period."""

    def __post_init__(self) -> None:
        require_field_types(self)
        require(
            self.shard_rows is None or self.shard_rows >= 1,
            f"Scoring: shard_rows is {self.shard_rows}; it must be at least 1.",
            field="shard_rows",
            hint="Some 1,000,000 rows keep a worker busy for half a minute.",
        )
