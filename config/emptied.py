"""Empties a folder, then becomes a command: `emptied.py FOLDER COMMAND…`, for the worker of docker-compose.yaml.

A task that is killed leaves its temporary files behind. Nothing of a container lives before its start, so whatever its
volume holds then is such a leftover. Only the standard library, and nothing stays of this process.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def empty(folder: Path) -> None:
    """Removes what is in the folder; links themselves, not what they lead to, and never what belongs to others."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            try:
                entry.unlink()
            except OSError as error:
                sys.stderr.write(f"{entry} stays: {error}\n")


if __name__ == "__main__":
    empty(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  # the command of docker-compose.yaml
