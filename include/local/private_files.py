"""Keep the local state private: what services and tasks write is readable by the account that started them alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from include.local.errors import InvalidSettingError

UMASK = 0o077
"""Takes all rights of others away from each new file and folder."""
OTHERS = 0o077
OWN_FOLDERS = frozenset(
    {"airflow", "mlflow", "lake", "check", "credentials", "data_docs", "models", "replay", "source", "run", "logs"}
)
"""Folders by which a home of this project is known."""


@contextlib.contextmanager
def private_file() -> Iterator[None]:
    """Within this block, new files and folders of this process and its children are private."""
    before = os.umask(UMASK)
    try:
        yield
    finally:
        os.umask(before)


def make_private(home: Path) -> None:
    """Make the home if there is none, and take the rights of others away from it: what is in it is then out of reach.

    A folder that holds other things than ours is left as it is: it may be one that others need.

    Raises:
        InvalidSettingError: others may enter it, and it is of another account or holds nothing of ours.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = home.stat()
    if not found.st_mode & OTHERS:
        return
    names = {path.name for path in home.iterdir()}
    if found.st_uid != os.getuid() or (names and not names & OWN_FOLDERS):
        raise InvalidSettingError(
            "AIRWORTHY_HOME",
            str(home),
            "a new folder, or one of your own that others may not enter (chmod 700), since credentials and data are"
            " kept there",
        )
    home.chmod(found.st_mode & ~OTHERS)
