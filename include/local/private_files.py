"""Keep the local state private to the account that starts the services."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from include.local.errors import InvalidSettingError

UMASK = 0o077
"""Removes all rights of other accounts from new files and folders."""
OTHERS = 0o077
OWN_FOLDERS = frozenset(
    {
        "airflow",
        "code_digests",
        "mlflow",
        "lake",
        "check",
        "credentials",
        "data_docs",
        "models",
        "compiled",
        "replay",
        "source",
        "run",
        "logs",
        "kept_rows",
    }
)
"""Folders by which a home of this project is recognised."""


@contextlib.contextmanager
def private_file() -> Iterator[None]:
    """Make new files of this process and its children private in the block."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def make_private(home: Path) -> None:
    """Create the home if missing, and remove other accounts' rights from it.

    A folder with other content is not changed, since other accounts may need it.

    Raises:
        InvalidSettingError: other accounts may enter it, and it belongs to another account or is not a home.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = home.stat()
    if not status.st_mode & OTHERS:
        return
    names = {path.name for path in home.iterdir()}
    if status.st_uid != os.getuid() or (names and not names & OWN_FOLDERS):
        raise InvalidSettingError(
            "AIRWORTHY_HOME",
            str(home),
            "a new folder, or one of your own that others may not enter (chmod 700), since credentials and data are"
            " kept there",
        )
    home.chmod(status.st_mode & ~OTHERS)
