"""Mask the values of personal columns in everything that people read.

Tables of the lake hold them as they were delivered; exports deliver them as declared. Imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from include.errors import AirworthyError

MASK = "***"
_QUOTED = re.compile(r"b?(['\"])(?:\\.|(?!\1)[^\\])*\1?")
"""A text in quotes; the last quote may be missing, since long texts are cut."""
_WHOLE_VALUES = (
    re.compile(r"(?<=the value ).*?(?= would change)", re.DOTALL),
    re.compile(r"(?<=: ).*?(?= is not a value of )", re.DOTALL),
)
"""A value between the fixed words of the errors that quote one."""


def mask_values(values: Mapping[str, Any], personal: Collection[str]) -> dict[str, Any]:
    """Return a row's values by column, personal ones masked; a null stays visible."""
    return {name: MASK if name in personal and value is not None else value for name, value in values.items()}


def mask_text(text: str, known: Iterable[str]) -> str:
    """Mask every value that a text about rows may quote.

    Quoted names that are `known` stay.
    """
    kept = set(known)
    for pattern in _WHOLE_VALUES:
        text = pattern.sub(lambda value: value[0] if value[0].strip("'\"") in kept else MASK, text)
    return _QUOTED.sub(lambda quote: quote[0] if quote[0].strip("'\"") in kept else f"'{MASK}'", text)


@contextmanager
def masked_errors(personal: Collection[str], known: Iterable[str]) -> Iterator[None]:
    """Mask what an expected error quotes, if there are personal columns.

    The text does not say from which column a value is, so all are masked. Its causes, whose texts a traceback would
    show, are dropped.
    """
    try:
        yield
    except AirworthyError as error:
        if personal:
            error.args = (mask_text(str(error), known), *error.args[1:])
            error.__cause__, error.__context__ = None, None
        raise
