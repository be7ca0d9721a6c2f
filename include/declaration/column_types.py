"""Say which column types hold every value of which others, so that a column may change its type."""

from __future__ import annotations

from collections.abc import Mapping

TIMESTAMP = "timestamp"
"""Type of a feed's column that holds instants: UTC, in microseconds (`pyarrow.timestamp("us", "UTC")`)."""
COLUMN_TYPES = frozenset(
    {"string", "bool", "int8", "int16", "int32", "int64", "float32", "float64", "date32", TIMESTAMP}
)
"""Types a declared column may have: names that `pyarrow.type_for_alias` knows, and `timestamp`."""
CATEGORY = "category"
"""A feature that is stored as a string and learned as a category."""

_HOLDS_EVERY: dict[str, frozenset[str]] = {
    "bool": frozenset({"int8", "int16", "int32", "int64", "float32", "float64"}),  # as 0 and 1
    "int8": frozenset({"int16", "int32", "int64", "float32", "float64"}),
    "int16": frozenset({"int32", "int64", "float32", "float64"}),
    "int32": frozenset({"int64", "float64"}),
    "float32": frozenset({"float64"}),
}
_HOLDS_SMALL = {("int64", "float64"): 2**53, ("int32", "float32"): 2**24, ("int64", "float32"): 2**24}
"""Types that hold the integers from minus this bound to the bound."""


def stored_type(kind: str) -> str:
    """Return the type that a column of a declared type is stored as."""
    return "string" if kind == CATEGORY else kind


def widens(old: str, new: str) -> bool:
    """Return whether every value of the old type is the same value in the new one."""
    return old == new or new in _HOLDS_EVERY.get(old, ())


def exact_bound(old: str, new: str) -> int | None:
    """Return the largest integer up to which values of the old type are exact in the new one; None if none are."""
    return _HOLDS_SMALL.get((old, new))


def missing_features(reads: Mapping[str, str], declared: Mapping[str, str]) -> list[str]:
    """Return the features that a model reads and the declaration no longer has, in a type that the model can read.

    A number that was widened or narrowed is read as before: a model reads all numbers as floats.
    """

    def readable(name: str, kind: str) -> bool:
        now = declared.get(name)
        return now is not None and (now == kind or (CATEGORY not in (now, kind) and _both_ways(now, kind)))

    return sorted(name for name, kind in reads.items() if not readable(name, kind))


def _both_ways(one: str, other: str) -> bool:
    return widens(one, other) or widens(other, one) or bool(exact_bound(one, other) or exact_bound(other, one))
