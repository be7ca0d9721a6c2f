"""Build the texts of reasons and messages."""

from __future__ import annotations

from collections.abc import Collection

_NAMED = 5
"""Number of names that a reason lists; further names are counted."""


def but(passed: bool) -> str:
    """Return the words that join a requirement and the measured value."""
    return ";" if passed else ", but"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 day`, `1,200 days`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration_text(seconds: float) -> str:
    """Return a duration in the unit in which it is read best."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def listed(names: Collection[str]) -> str:
    """Return the sorted names; of many, the first few and the number of others."""
    shown = ", ".join(sorted(names)[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


def sentence(text: str) -> str:
    """Return a text from outside with one full stop at its end."""
    return f"{text.strip().rstrip('.')}."
