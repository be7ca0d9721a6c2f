"""Declare spans of time, as a number of periods or as a timedelta.

The calendar counts timedeltas. Imports nothing heavy.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from include.declaration.problems import report_below, require, sound

if TYPE_CHECKING:
    from include.declaration.period import Unit

Read = TypeVar("Read")
Declared = TypeVar("Declared")
T = TypeVar("T")


class SpanField(Generic[Read, Declared]):
    """A field of a declaration that takes a span of time, and is read as a number.

    An object that holds a timedelta keeps it until `count_spans` replaces it by a number.
    """

    def __init__(self, *default: Declared) -> None:
        """Without a default, the field is required."""
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, declared: None, owner: type) -> Self: ...
    @overload
    def __get__(self, declared: object, owner: type) -> Read: ...
    def __get__(self, declared: object | None, owner: type) -> Self | Read:
        if declared is not None:
            return cast("Read", declared.__dict__[self._name])
        if self._default:  # `dataclass` takes what the class returns as the default
            return cast("Self", self._default[0])
        raise AttributeError(f"{owner.__name__}.{self._name} has no default.")

    def __set__(self, declared: object, value: Declared) -> None:
        declared.__dict__[self._name] = value


class Span(SpanField[int, int | timedelta]):
    """A number of periods, or a `timedelta` that the calendar counts.

    `timedelta(days=7)` is 7 periods of `Daily()`, 168 of `Hourly()` and 1 of `Weekly()`. The field is read as a number.
    """


class OptionalSpan(SpanField[int | None, int | timedelta | None]):
    """A `Span`, or None."""


class Spanned:
    """A declared object with spans."""

    def check_spans(self) -> None:
        """Report spans that cannot work; they are numbers here."""

    def check_counted_spans(self) -> None:
        """Check the spans if all are numbers; the use case checks others once counted."""
        if not any(isinstance(value, timedelta) for _, value in _spans(self)):
            self.check_spans()


def count_spans(part: T, count: Callable[[timedelta], int], *, in_place: bool = False) -> T:
    """Return a declared object with numbers for the timedeltas of its spans.

    The objects that it holds are counted, too. `count` returns the number, or reports a timedelta that is none. An
    object without timedeltas is returned as it is. With `in_place`, which an object uses for itself while it is built,
    it is changed, and checks its spans afterwards.
    """
    if isinstance(part, type) or not (is_dataclass(part) and sound([part])):
        return part
    spans = {name: span for name, span in _spans(part) if isinstance(span, timedelta)}
    counted: dict[str, Any] = {}
    for name, span in spans.items():
        with report_below(name):
            counted[name] = count(span)
    for each in fields(part):
        value = getattr(part, each.name)
        inner = _count_within(each.name, value, count)
        if inner is not value:
            counted[each.name] = inner
    if not counted:
        return part
    changed = part if in_place else copy.copy(part)
    for name, value in counted.items():
        object.__setattr__(changed, name, value)
    if spans and not in_place:
        cast("Spanned", changed).check_spans()
    return changed


def _count_within(path: str, value: Any, count: Callable[[timedelta], int]) -> Any:
    if not isinstance(value, tuple):
        with report_below(path):
            return count_spans(value, count)
    parts = [_count_within(f"{path}[{number}]", part, count) for number, part in enumerate(value)]
    changed = any(new is not old for new, old in zip(parts, value, strict=True))
    return type(value)(parts) if changed else value


def _spans(declared: Any) -> list[tuple[str, object]]:
    names = [field.name for field in fields(declared)]
    kinds = ((name, _class_attribute(type(declared), name)) for name in names)
    return [(name, getattr(declared, name)) for name, kind in kinds if isinstance(kind, SpanField)]


def _class_attribute(cls: type, name: str) -> object:
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def count_units(span: timedelta, unit: Unit) -> int:
    """Return a span of time as a number of a unit.

    One that is no whole number is reported, and rounded up, so that other checks can go on.
    """
    number, rest = divmod(span, unit.step)
    several = [number, number + 1] if number > 0 else [number + 1]
    ways = " or ".join(timedelta_text(unit.step * each, f"{unit.name}s") for each in several)
    problem = f"{timedelta_text(span)} is no whole number of {unit.name}s."
    hint = f"Write {ways}, or the number of {unit.name}s: {' or '.join(map(str, several))}."
    require(not rest, problem, hint=hint)
    return number + bool(rest)


def timedelta_text(span: timedelta, unit: str = "days") -> str:
    """Return a timedelta as a declaration writes it.

    It is in this unit if it is a whole number of it.
    """
    for each in (unit, "days", "hours", "minutes", "seconds"):
        number, rest = divmod(span, timedelta(**{each: 1}))
        if not rest:
            return f"timedelta({each}={number})"
    return repr(span).removeprefix("datetime.")
