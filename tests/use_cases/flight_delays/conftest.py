"""One home for all these tests, so that the source's files are prepared only once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contexts import Configure


@pytest.fixture(scope="session")
def source_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("flights")


@pytest.fixture(autouse=True)
def _home(source_home: Path, configure: Configure) -> Iterator[None]:
    configure(home=source_home)
    return
