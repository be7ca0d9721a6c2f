"""Expect errors by their fields, and by values that their texts name; never by wording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, TypeVar

import pytest

from include.declaration.problems import DeclarationError
from include.orchestration.failures import TaskFailedError

E = TypeVar("E", bound=BaseException)


class Refusal(Generic[E]):
    """Expect an error in a `with` block; it can be used several times."""

    def __init__(self, error: type[E], named: tuple[object, ...], fields: dict[str, object]) -> None:
        self.error, self.named, self.fields = error, named, fields

    def __enter__(self) -> pytest.ExceptionInfo[E]:
        self._context = pytest.raises(self.error)
        self._raised = self._context.__enter__()
        return self._raised

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not self._context.__exit__(kind, value, traceback):
            return False
        self._require()
        return True

    def _require(self) -> None:
        require_fields(self._raised.value, **self.fields)
        require_named(self._raised.value, *self.named)


class TaskFailure(Refusal[E]):
    """Expect that a task fails without retries, because of an error."""

    def __enter__(self) -> pytest.ExceptionInfo[E]:
        self._context = pytest.raises(TaskFailedError)  # type: ignore[arg-type]
        self._raised = self._context.__enter__()
        return self._raised

    def _require(self) -> None:
        failure: Any = self._raised.value
        cause = failure.error
        assert isinstance(cause, self.error), f"{self._raised.value!r} is caused by {cause!r}"
        require_fields(cause, **self.fields)
        require_named(self._raised.value, str(cause), *self.named)


def fails_task(error: type[E], *named: object, **fields: object) -> TaskFailure[E]:
    """Expect that a task fails without retries, because of an error with these fields, and names these values."""
    return TaskFailure(error, named, fields)


def raises(error: type[E], *named: object, **fields: object) -> Refusal[E]:
    """Expect an error with these fields, whose text names these values in any order."""
    return Refusal(error, named, fields)


def require_fields(error: BaseException | None, **fields: object) -> None:
    """Check the fields of an error."""
    assert {name: getattr(error, name) for name in fields} == fields


def require_named(error: BaseException, *values: object) -> None:
    """Check that the text of an error names each value."""
    assert [value for value in values if str(value) not in str(error)] == [], str(error)


@contextmanager
def invalid(*paths: str) -> Iterator[pytest.ExceptionInfo[DeclarationError]]:
    """Expect an invalid declaration with problems at exactly these paths, in this order."""
    with pytest.raises(DeclarationError) as refused:
        yield refused
    assert [problem.path for problem in refused.value.problems] == list(paths)
