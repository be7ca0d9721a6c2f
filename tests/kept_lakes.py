"""Store a small lake of this code's format, with its registry, for later code: `python -m tests.kept_lakes`.

Run it once when a format is final; the archive is committed and never made again. It is the toy use case's home with a
champion, signed with the tests' key.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from include.lake.lake_format import FORMAT
from include.settings import REPOSITORY
from tests import conftest

KEPT = REPOSITORY / "tests" / "kept"
ANYWHERE = Path("/kept")
"""Where the registry in an archive says that its files are."""


def keep(home: Path, archive: Path) -> None:
    """Write a home, which a test has filled, into an archive."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "home"
        shutil.copytree(home, copy)
        conftest._move_artifacts(copy / "mlflow.db", home, ANYWHERE)
        with tarfile.open(archive, "x:xz") as file:
            file.add(copy, "home")


def unpack(archive: Path, folder: Path) -> Path:
    """Extract a kept home into a folder; its path."""
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    conftest._move_artifacts(folder / "home" / "mlflow.db", ANYWHERE, folder / "home")
    return folder / "home"


def main() -> None:
    """Make the archive of this code's format."""
    import pytest

    KEPT.mkdir(exist_ok=True)
    os.environ["KEEP_LAKE_AS"] = str(KEPT / f"format_{FORMAT}.tar.xz")
    sys.exit(pytest.main(["-q", "-n", "0", "tests/test_kept_lakes.py", "-k", "is_kept"]))


if __name__ == "__main__":
    main()
