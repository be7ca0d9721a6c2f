"""Check that the fields of a declaration have their annotated types."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from include.declaration.period import Period
from include.declaration.problems import is_usable, name_of, require, stop_checks
from include.declaration.span import OptionalSpan, Span

_SPANS: Mapping[Any, Any] = {Span: int | timedelta, OptionalSpan: int | timedelta | None}
"""Kind of span to the types of its values."""


def frozen(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a read-only copy of a field's mapping."""
    return types.MappingProxyType(dict(mapping))


def require_field_types(declared: Any) -> None:
    """Check a declared dataclass's fields against annotations, and its texts.

    Texts must be storable. A wrong type is reported and ends the checks of the object, since the other checks compare
    its fields.
    """
    if wrong_field_types(declared, f"{name_of(declared)}: "):
        stop_checks()


def wrong_field_types(declared: Any, say: str = "") -> frozenset[str]:
    """Report fields of a wrong type or with unstorable text, and return them.

    Later checks must skip the returned fields. `say` is a prefix of the texts. Fields that hold an unusable declared
    object, which has reported its own problems, are returned, too.
    """
    unusable = set()
    for name, expected in _hints(type(declared)).items():
        value = getattr(declared, name)
        if not is_usable(value):
            unusable.add(name)
        elif not _fits(value, expected):
            unusable.add(name)
            problem = f"{say}{name} must be {_words(expected)}; it is {value!r} ({type(value).__name__})."
            require(False, problem, field=name, hint=_hint(value, expected))
        elif wrong := [text for text in _texts(value) if not _can_be_stored(text)]:
            unusable.add(name)
            hint = "Leave out zero characters and halves of surrogate pairs."
            require(False, f"{say}{name} holds {wrong[0]!r}.", field=name, hint=hint)
    return frozenset(unusable)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for each in pair for text in _texts(each)]
    if isinstance(value, tuple | frozenset):
        return [text for each in value for text in _texts(each)]
    return []


def _can_be_stored(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _hints(declared: Any) -> dict[str, Any]:
    hints = get_type_hints(declared)
    return {each.name: _SPANS.get(hints[each.name], hints[each.name]) for each in fields(declared)}


def _fits(value: object, expected: Any) -> bool:
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Sequence:
        return isinstance(value, Sequence) and not isinstance(value, str) and all(_fits(v, arguments[0]) for v in value)
    if origin is tuple:
        return isinstance(value, tuple) and _all_fit(value, arguments)
    if origin is frozenset:
        return isinstance(value, frozenset | set) and all(_fits(each, arguments[0]) for each in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            _fits(key, arguments[0]) and _fits(each, arguments[1]) for key, each in value.items()
        )
    return origin is Literal or _is(value, expected if origin is None else origin)


def _all_fit(values: tuple[object, ...], arguments: tuple[Any, ...]) -> bool:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(_fits(each, arguments[0]) for each in values)
    return len(values) == len(arguments) and all(map(_fits, values, arguments))


def _is(value: object, expected: Any) -> bool:
    if expected is Any or not isinstance(expected, type):  # a type variable is not checked
        return True
    if expected is Callable or expected.__name__ == "Callable":
        return callable(value)
    if expected is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if expected is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, expected)


def _words(expected: Any) -> str:
    """Return a type as a person who declares a use case would call it."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(each) for each in arguments)
    if origin in (tuple, Sequence) and arguments:
        return f"a tuple of {_words(arguments[0])}"
    if origin is frozenset:
        return f"a set of {_words(arguments[0])}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping of {_words(arguments[0])} to {_words(arguments[1])}"
    if expected is type(None):
        return "None"
    names = {
        "str": "text",
        "int": "a whole number",
        "float": "a number",
        "bool": "True or False",
        "timedelta": "a timedelta",
    }
    name = getattr(expected, "__name__", str(expected))
    return names.get(name, name)


def _hint(value: object, expected: Any) -> str:
    origins = (get_origin(expected), *(get_origin(each) for each in get_args(expected)))
    wants_tuple = tuple in origins or Sequence in origins
    if wants_tuple and isinstance(value, str):
        return f"One element needs a comma: ({value!r},)."
    if wants_tuple and isinstance(value, list):
        return "Write round brackets instead of square ones."
    if Period in (expected, *get_args(expected)) and isinstance(value, date | str):
        return f'Write Period("{value:%Y-%m-%d}").' if isinstance(value, date) else f"Write Period({value!r})."
    return ""
