"""Define the type of a feature, with its description and owner.

Imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping


class Feature(str):
    """The type of a feature, with its description and owner.

    It equals the plain text of the type, so a changed description makes no table stale and changes no model.
    """

    description: str
    """What a value means, with its unit."""
    owner: str
    """Who answers questions about the feature; empty: the owner of the use case or group that declares it."""
    group: str
    """The feature group that computes it; empty: the use case's own `build`."""
    column: str
    """Its name in the group."""

    def __new__(
        cls, kind: str, *, description: str = "", owner: str = "", group: str = "", column: str = ""
    ) -> Feature:
        """Return the type `kind` with these texts.

        `group` and `column` are set for features that are joined from a feature group.
        """
        made = super().__new__(cls, kind)
        made.description, made.owner, made.group, made.column = description, owner, group, column
        return made


def as_feature(kind: str) -> Feature:
    """Return a declared type as a feature; a plain text has no description."""
    return kind if isinstance(kind, Feature) else Feature(kind)


def own_features(features: Mapping[str, str]) -> dict[str, str]:
    """Return the features that `build` returns, without those of feature groups."""
    return {name: kind for name, kind in features.items() if not as_feature(kind).group}
