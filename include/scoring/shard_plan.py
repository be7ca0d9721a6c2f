"""Describe the shards of a period: contiguous rows of its features, in key order.

All are scored by one fixed version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Self

from include.lake import content_digest

MOST_SHARDS = 1000
"""Airflow makes at most 1,024 mapped tasks of one task (`[core] max_map_length`)."""


@dataclass(frozen=True)
class ShardPlan:
    """What the shards of a period read, and what scores them; plain values.

    Equal inputs give an equal plan, so that shards that were scored before can be used again.
    """

    period: str
    version: str
    """The number that the predictions have."""
    loaded: str
    """The number of the version whose model is loaded: another one if the first was lost and restored."""
    files: str
    """Digest of the files of that version."""
    features: str
    """Digest of the features."""
    features_version: int
    """Delta version at which the features are read."""
    code: str
    """Digest of the code and the declaration that make predictions of features."""
    rows: int
    """Rows of the features."""
    shard_rows: int
    """Most rows of a shard."""

    @cached_property
    def key(self) -> str:
        """Return a digest of all that decides the content of the shards."""
        return content_digest.digest_values(self.decisive)

    @property
    def decisive(self) -> dict[str, Any]:
        """Return all that decides the content of the shards.

        The Delta version is not part of it: it may rise by a commit of another period.
        """
        return {name: value for name, value in asdict(self).items() if name != "features_version"}

    @property
    def count(self) -> int:
        """Return the number of shards."""
        return -(-self.rows // self.shard_rows)

    def rows_of(self, number: int) -> range:
        """Return the places of the rows of a shard, of all rows in key order.

        Raises:
            IndexError: there is no such shard.
        """
        if not 0 <= number < self.count:
            raise IndexError(f"{number} is not the number of one of {self.count} shards")
        first = number * self.shard_rows
        return range(first, min(first + self.shard_rows, self.rows))

    def differences(self, now: ShardPlan) -> dict[str, tuple[Any, Any]]:
        """Return field to its values in both plans, where they differ."""
        own, other = self.decisive, now.decisive
        return {name: (own[name], other[name]) for name in own if own[name] != other[name]}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Return the plan of the values of `asdict`."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})
