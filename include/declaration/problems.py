"""Collect all problems of a declaration, so that one error lists them all.

A class decorated with `declared` reports problems with `require`; its construction raises one error with all of them.
Within `keep_problems` (the import of a use case) only the use case raises: a part stores its problems, and the object
that holds the part reports them with the path to it. Imports nothing heavy.
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
"""Attribute of a declared object that has problems."""


@dataclass(frozen=True)
class Problem:
    """A problem of a declaration."""

    path: str
    """Path within the declared object, such as `feeds[1].columns`; empty: the object as a whole."""
    problem: str
    hint: str = ""
    """What to write instead, in sentences."""

    @property
    def text(self) -> str:
        """Return the problem and the hint, without the path."""
        return f"{self.problem} {self.hint}".strip()

    def below(self, path: str) -> Problem:
        """Return the problem for an outer object that holds this one at `path`."""
        return replace(self, path=f"{path}.{self.path}".rstrip("."))

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class DeclarationError(AirworthyError, ValueError):
    """A declaration is invalid; the message lists every problem with its hint."""

    def __init__(self, problems: Iterable[Problem], whole: str = "") -> None:
        """Build the message; `whole` names the object of the paths.

        Without it, no path is written.
        """
        self.problems, self.whole = tuple(dict.fromkeys(problems)), whole
        lines = [str(problem) if whole else problem.text for problem in self.problems]
        many = f"{len(lines)} problems:\n" + "\n".join(f"- {line}" for line in lines)
        super().__init__((f"{whole}: " if whole else "") + (lines[0] if len(lines) == 1 else many))


@dataclass(frozen=True)
class _Notes:
    """Problems of an invalid object, and whether its fields can still be checked."""

    problems: tuple[Problem, ...]
    is_usable: bool


class _UnusableError(Exception):
    """Ends the checks of an object whose fields have wrong types."""


_reported: ContextVar[list[Problem] | None] = ContextVar("reported", default=None)
"""Problems of the object that is being checked; None outside of a check."""
_kept: ContextVar[list[object] | None] = ContextVar("kept", default=None)
"""Invalid objects that no other object holds; None outside `keep_problems`, where an invalid object raises at once."""


def require(condition: bool, problem: str, *, field: str = "", hint: str = "") -> bool:
    """Report a problem of the checked object, unless the condition holds.

    Returns:
        The condition, so that the caller can skip checks that depend on it.

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
    """Report problems in the block for the checked object's part at `path`."""
    problems: list[Problem] = []
    token = _reported.set(problems)
    try:
        yield
    finally:
        _reported.reset(token)
    for problem in problems:
        report(problem.below(path))


def did_you_mean(names: object, known: Iterable[str], most: int = 1) -> str:
    """Return a sentence with similar known names; empty if there are none.

    There are at most `most` per name. `names` is a name or a list of names.
    """
    by_folded = {name.casefold(): name for name in known}
    several = names if isinstance(names, list) else [names]
    suggestions = []
    for name in several:
        matches = difflib.get_close_matches(str(name).strip().casefold(), by_folded, n=most)
        meant = " or ".join(repr(by_folded[match]) for match in matches)
        suggestions += [f"{meant} for {name!r}" if len(several) > 1 else meant] if meant else []
    return f"Did you mean {' and '.join(suggestions)}?" if suggestions else ""


def stop_checks() -> None:
    """End the checks of the object, because its fields have wrong types."""
    raise _UnusableError


def name_of(declared_object: object) -> str:
    """Return the text for a declared object, such as `Feed('events')`.

    It is the class alone, such as `Monitoring`, if the object has no name.
    """
    kind, name = type(declared_object).__name__, getattr(declared_object, "name", "")
    return f"{kind}({name!r})" if isinstance(name, str) and name else kind


def is_usable(value: object) -> bool:
    """Return whether checks can use the fields of all declared objects in a value."""
    return all(notes.is_usable for _, _, notes in _wrong_parts("", value))


def sound(parts: Iterable[Declared]) -> list[Declared]:
    """Return the declared objects that have no problems."""
    return [part for part in parts if not hasattr(part, _NOTES)]


def declared(cls: type[Declared]) -> type[Declared]:
    """Make a dataclass collect problems of its `__post_init__` and arguments.

    Constructing it raises DeclarationError; within `keep_problems` it stores the problems for the object that holds it.
    """
    return _collect(cls, always_raises=False)


def declared_whole(cls: type[Declared]) -> type[Declared]:
    """Do as `declared`, for a dataclass that no other object holds.

    An invalid one always raises.
    """
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
    """Return the keyword arguments that a class accepts; None if not constructible.

    Reports unknown and missing arguments.
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
    """Construct an object, which reports its problems.

    Returns False if its checks ended early.
    """
    try:
        construct(self, *args, **kwargs)
    except _UnusableError:
        return False
    except Exception:
        if not _reported.get():
            raise
        return False  # a check failed because of a problem that is already reported
    return True


def _give_up(self: object, parts: Collection[object], notes: _Notes, always_raises: bool) -> None:
    """Raise the problems of an object and its parts, or give them to the object."""
    kept = _kept.get()
    if kept is not None:
        kept[:] = [other for other in kept if not any(other is part for part in parts)]
    if always_raises or kept is None:
        raise DeclarationError(notes.problems, name_of(self) if always_raises else "")
    object.__setattr__(self, _NOTES, notes)
    kept.append(self)


def _wrong_parts(path: str, value: object) -> Iterator[tuple[str, object, _Notes]]:
    """Yield the invalid objects in a field's value, each with its path and its notes."""
    notes = getattr(value, _NOTES, None)
    if isinstance(notes, _Notes):
        yield path, value, notes
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _wrong_parts(f"{path}[{index}]", item)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _wrong_parts(f"{path}[{name!r}]", item)


@contextmanager
def keep_problems() -> Iterator[Callable[[], list[Problem]]]:
    """Make invalid objects keep their problems for their holder, without raising.

    Yields a function that returns the problems of objects that no other object holds. An exception in the block is
    raised together with them.
    """
    kept: list[object] = []

    def left() -> list[Problem]:
        return [problem.below(name_of(part)) for part in kept for problem in getattr(part, _NOTES).problems]

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
