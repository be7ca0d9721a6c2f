"""The words that reasons and messages are made of."""

from __future__ import annotations

from collections.abc import Collection

_NAMED = 5
"""Number of names that a reason lists; further names are counted."""


def but(passed: bool) -> str:
    """How what is asked for is joined to what was found."""
    return ";" if passed else ", but"


def counted(number: int, noun: str) -> str:
    """`1 day`, `1,200 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Collection[str]) -> str:
    """The names in order, the first few of many."""
    shown = ", ".join(sorted(names)[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def sentence(text: str) -> str:
    """Somebody else's words, ending as a sentence does."""
    return f"{text.strip().rstrip('.')}."
