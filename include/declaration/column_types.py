"""Define column types, and which type changes keep every value."""

from __future__ import annotations

from collections.abc import Mapping

TIMESTAMP = "timestamp"
"""Type of a feed's column of instants: UTC, in microseconds (`pyarrow.timestamp("us", "UTC")`)."""
COLUMN_TYPES = frozenset(
    {"string", "bool", "int8", "int16", "int32", "int64", "float32", "float64", "date32", TIMESTAMP}
)
"""Allowed types of a column: names that `pyarrow.type_for_alias` accepts, and `timestamp`."""
CATEGORY = "category"
"""Type of a feature that is stored as a string and learned as a category."""

_HOLDS_EVERY: dict[str, frozenset[str]] = {
    "bool": frozenset({"int8", "int16", "int32", "int64", "float32", "float64"}),  # as 0 and 1
    "int8": frozenset({"int16", "int32", "int64", "float32", "float64"}),
    "int16": frozenset({"int32", "int64", "float32", "float64"}),
    "int32": frozenset({"int64", "float64"}),
    "float32": frozenset({"float64"}),
}
_HOLDS_SMALL = {("int64", "float64"): 2**53, ("int32", "float32"): 2**24, ("int64", "float32"): 2**24}
"""Old and new type to the bound up to which integers, positive or negative, are exact in the new type."""


def stored_type(kind: str) -> str:
    """Return the stored type of a declared type."""
    return "string" if kind == CATEGORY else kind


def widens(old: str, new: str) -> bool:
    """Return whether the new type represents every value of the old type exactly."""
    return old == new or new in _HOLDS_EVERY.get(old, ())


def exact_bound(old: str, new: str) -> int | None:
    """Return the largest integer that stays exact in the new type, or None.

    All integers of the old type up to it are exact.
    """
    return _HOLDS_SMALL.get((old, new))


def missing_features(reads: Mapping[str, str], declared: Mapping[str, str]) -> list[str]:
    """Return a model's features that are not declared now in a readable type.

    Numbers may have been widened or narrowed: a model reads all numbers as floats.
    """

    def readable(name: str, kind: str) -> bool:
        now = declared.get(name)
        return now is not None and (now == kind or (CATEGORY not in (now, kind) and _is_convertible(now, kind)))

    return sorted(name for name, kind in reads.items() if not readable(name, kind))


def _is_convertible(one: str, other: str) -> bool:
    return widens(one, other) or widens(other, one) or bool(exact_bound(one, other) or exact_bound(other, one))
