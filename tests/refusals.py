"""Expect that a declaration is refused, by the paths of its problems and not by their texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from include.declaration.problems import DeclarationError


@contextmanager
def invalid(*paths: str) -> Iterator[pytest.ExceptionInfo[DeclarationError]]:
    """Expect an invalid declaration with problems at exactly these paths, in this order."""
    with pytest.raises(DeclarationError) as refused:
        yield refused
    assert [problem.path for problem in refused.value.problems] == list(paths)
