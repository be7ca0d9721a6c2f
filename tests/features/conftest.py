"""Three days of a use case whose files a test may change."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.declaration.period import Period
from tests.conftest import living_in
from tests.features.renewed import NAME, Renewed, forget


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with three days of a use case, and the use case's package next to it; read-only."""
    parent = tmp_path_factory.mktemp("renewed")
    (parent / "home").mkdir()
    with living_in(parent / "home") as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.syspath_prepend(parent)
        Renewed.make(parent).run(*(Period(f"2020-01-{day:02}") for day in (1, 2, 3)))
        forget()
    return parent


@pytest.fixture
def renewed(
    lake_home: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_bytecode: None
) -> Iterator[Renewed]:
    """Three days of a use case were made by the code of now."""
    shutil.copytree(made / "home", lake_home)
    shutil.copytree(made / NAME, tmp_path / NAME)
    monkeypatch.syspath_prepend(tmp_path)
    yield Renewed(tmp_path / NAME)
    forget()
