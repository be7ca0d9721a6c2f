"""Collect everything that is wrong with a declaration, so that a person reads all of it at once.

A class that is decorated with `declared` reports with `require`; its construction fails with all that was reported.
Within `keep_problems` (the import of a use case) only the use case fails: a part keeps its problems, and the object
that holds the part reports them with the path to it. Imports nothing heavy, as use_case.py.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeVar

from include.errors import AirworthyError, in_words

Declared = TypeVar("Declared")
_NOTES = "_declaration_notes"
"""Attribute of a declared object that could not be right."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a declaration."""

    path: str
    """Where in the declared object it is, such as `feeds[1].columns`; empty: the object as a whole."""
    problem: str
    hint: str = ""
    """What to write instead, as sentences."""

    @property
    def text(self) -> str:
        """What is wrong and what to write instead, without the path."""
        return f"{self.problem} {self.hint}".strip()

    def below(self, path: str) -> Problem:
        """Return the same problem of an object that holds this one at `path`."""
        return replace(self, path=f"{path}.{self.path}".rstrip("."))

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class DeclarationError(AirworthyError, ValueError):
    """A declaration cannot be used; it lists every problem with what to write instead."""

    def __init__(self, problems: Iterable[Problem], whole: str = "") -> None:
        """`whole` names the object that the paths lead through; without it the texts name their object themselves."""
        self.problems, self.whole = tuple(dict.fromkeys(problems)), whole
        lines = [str(problem) if whole else problem.text for problem in self.problems]
        many = f"{len(lines)} problems:\n" + "\n".join(f"- {line}" for line in lines)
        super().__init__((f"{whole}: " if whole else "") + (lines[0] if len(lines) == 1 else many))


@dataclass(frozen=True)
class _Notes:
    """What a wrong object carries: its problems, and whether its fields can be compared with others nevertheless."""

    problems: tuple[Problem, ...]
    is_usable: bool


class _UnusableError(Exception):
    """Ends the checks of an object with fields that cannot be compared."""


_reported: ContextVar[list[Problem] | None] = ContextVar("reported", default=None)
"""Problems of the object that is being checked; None outside of a check."""
_kept: ContextVar[list[object] | None] = ContextVar("kept", default=None)
"""Wrong objects that no other object holds; None where a wrong object raises at once."""


def require(condition: bool, problem: str, *, field: str = "", hint: str = "") -> bool:
    """Report a problem of the object that is being checked, unless the condition holds.

    Returns:
        The condition: what depends on it can be left out.

    Raises:
        DeclarationError: the condition does not hold, and no object is being checked.
    """
    if not condition:
        report(Problem(field, problem, hint))
    return condition


def report(problem: Problem) -> None:
    """Report a problem of the object that is being checked.

    Raises:
        DeclarationError: no object is being checked.
    """
    reported = _reported.get()
    if reported is None:
        raise DeclarationError([problem])
    reported.append(problem)


@contextmanager
def report_below(path: str) -> Iterator[None]:
    """Let what is reported within be problems of what is at `path` of the object that is being checked."""
    problems: list[Problem] = []
    token = _reported.set(problems)
    try:
        yield
    finally:
        _reported.reset(token)
    for problem in problems:
        report(problem.below(path))


def did_you_mean(names: object, known: Iterable[str], most: int = 1) -> str:
    """Return a sentence with the most similar of the known names, at most so many for each; empty if none is.

    `names` is a name or a list of names.
    """
    by_folded = {each.casefold(): each for each in known}
    several = names if isinstance(names, list) else [names]
    found = []
    for name in several:
        close = difflib.get_close_matches(str(name).strip().casefold(), by_folded, n=most)
        meant = " or ".join(repr(by_folded[each]) for each in close)
        found += [f"{meant} for {name!r}" if len(several) > 1 else meant] if meant else []
    return f"Did you mean {' and '.join(found)}?" if found else ""


def stop_checks() -> None:
    """End the checks of the object: its fields cannot be compared with anything."""
    raise _UnusableError


def name_of(declared_object: object) -> str:
    """Return how texts name a declared object: `Feed('events')`, or `Monitoring` where it has no name."""
    kind, name = type(declared_object).__name__, getattr(declared_object, "name", "")
    return f"{kind}({name!r})" if isinstance(name, str) and name else kind


def is_usable(value: object) -> bool:
    """Return whether the fields of all declared objects in a value can be compared with others."""
    return all(notes.is_usable for _, _, notes in _wrong_parts("", value))


def sound(parts: Iterable[Declared]) -> list[Declared]:
    """Return those of the declared objects that nothing is wrong with."""
    return [part for part in parts if not hasattr(part, _NOTES)]


def declared(cls: type[Declared]) -> type[Declared]:
    """Let a dataclass collect what its `__post_init__` reports; arguments that it does not have are reported, too.

    Constructing it raises DeclarationError, or within `keep_problems` keeps the problems for the object that holds it.
    """
    return _collect(cls, always_raises=False)


def declared_whole(cls: type[Declared]) -> type[Declared]:
    """Do as `declared`, for a dataclass that no other object holds: constructing a wrong one always raises."""
    return _collect(cls, always_raises=True)


def _collect(cls: type[Declared], *, always_raises: bool) -> type[Declared]:
    construct: Callable[..., None] = cls.__init__
    signature = inspect.signature(construct)
    _, *fields = signature.parameters

    @functools.wraps(construct)
    def collecting(self: object, *args: object, **kwargs: object) -> None:
        given = dict(zip(fields, args, strict=False)) | kwargs
        parts = [part for name, value in given.items() for part in _wrong_parts(name, value)]
        problems = [problem.below(path) for path, _, notes in parts for problem in notes.problems]
        token = _reported.set(problems)
        try:
            known = _known_arguments(type(self).__name__, signature, args, kwargs)
            is_checked = known is not None and _construct(self, construct, args, known)
        finally:
            _reported.reset(token)
        if problems:
            _give_up(self, [part for _, part, _ in parts], _Notes(tuple(problems), is_checked), always_raises)

    cls.__init__ = collecting  # type: ignore[method-assign]
    return cls


def _known_arguments(
    kind: str, signature: inspect.Signature, args: tuple[object, ...], kwargs: Mapping[str, object]
) -> Mapping[str, object] | None:
    """Return the keyword arguments that a class has; None where it cannot be constructed from these arguments.

    Arguments that it does not have, or that are missing, are reported.
    """
    _, *fields = signature.parameters
    known = {name: value for name, value in kwargs.items() if name in fields}
    for name in sorted(kwargs.keys() - known.keys()):
        require(False, f"{kind} has no argument {name!r}.", hint=did_you_mean(name, fields))
    given = {*fields[: len(args)], *known}
    required = [name for name in fields if signature.parameters[name].default is inspect.Parameter.empty]
    missing = [name for name in required if name not in given]
    if not require(not missing, f"{kind} lacks the arguments {missing}.", hint="Give them a value."):
        return None
    try:
        signature.bind(None, *args, **known)
    except TypeError as error:  # too many, or one twice
        require(False, f"{kind}: {error}.")
        return None
    return known


def _construct(
    self: object, construct: Callable[..., None], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> bool:
    """Construct an object, which reports its problems; False where it could not be checked to the end."""
    try:
        construct(self, *args, **kwargs)
    except _UnusableError:
        return False
    except Exception:
        if not _reported.get():
            raise
        return False  # a check stumbled over what is reported already
    return True


def _give_up(self: object, parts: Collection[object], notes: _Notes, always_raises: bool) -> None:
    """Raise the problems of an object and its parts, or keep them in the object and no longer for the parts."""
    kept = _kept.get()
    if kept is not None:
        kept[:] = [each for each in kept if not any(each is part for part in parts)]
    if always_raises or kept is None:
        raise DeclarationError(notes.problems, name_of(self) if always_raises else "")
    object.__setattr__(self, _NOTES, notes)
    kept.append(self)


def _wrong_parts(path: str, value: object) -> Iterator[tuple[str, object, _Notes]]:
    """Yield the wrong objects in a field's value, each with its path and its notes."""
    notes = getattr(value, _NOTES, None)
    if isinstance(notes, _Notes):
        yield path, value, notes
    elif isinstance(value, tuple | list):
        for place, each in enumerate(value):
            yield from _wrong_parts(f"{path}[{place}]", each)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _wrong_parts(f"{path}[{name!r}]", each)


@contextmanager
def keep_problems() -> Iterator[Callable[[], list[Problem]]]:
    """Let wrong objects keep their problems for the object that holds them, instead of raising one by one.

    Yields a function that returns the problems of the objects that no other one holds. An exception within is raised
    together with them.
    """
    kept: list[object] = []

    def left() -> list[Problem]:
        return [each.below(name_of(part)) for part in kept for each in getattr(part, _NOTES).problems]

    token = _kept.set(kept)
    try:
        yield left
    except Exception as error:
        if not kept:
            raise
        if isinstance(error, DeclarationError):
            together = DeclarationError((*error.problems, *left()), error.whole)
        else:
            together = DeclarationError((Problem("", in_words(error)), *left()), "The declaration")
        raise together.with_traceback(error.__traceback__) from error
    finally:
        _kept.reset(token)
