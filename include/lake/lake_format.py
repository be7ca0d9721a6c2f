"""Number the form in which a use case's lake is stored, and bring an older form up to date.

`<lake>/<use case>/format.json` names it, for the tables, the ledger and the records alike. Code that changes the form
of what is stored raises FORMAT and adds a step to upgrades.STEPS; it never reads two forms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from include import settings
from include.errors import AirworthyError
from include.lake.object_store import StoragePath

if TYPE_CHECKING:
    from include.declaration.use_case import UseCase

FORMAT = 2
"""What this code reads and writes. 1: signed names of data files, signed ledger entries and records. 2: tags in MLflow
begin with `airworthy.`; columns of `predictions` and `metrics` have the names that they have now."""
NAME = "format.json"
STORED = ("ledger", "records", "raw", "checked", "features", "labels", "predictions", "metrics")
"""Folders of which a lake that holds anything has one."""
_current: set[str] = set()
"""Lakes that this process has seen to be of this format: it does not change back."""


class LakeFormatError(AirworthyError):
    """A lake was stored in another form than the one that this code reads."""

    def __init__(self, root: StoragePath, found: int | None, remedy: str) -> None:
        self.root, self.found, self.known = root, found, FORMAT
        form = "has no readable format number" if found is None else f"has the format {found}"
        super().__init__(f"The lake {root} {form}; this code reads and writes format {FORMAT}. {remedy}")


def lake_root(use_case: str, lake: str = "") -> StoragePath:
    """Return where a use case's lake is: in `lake`, or else where the settings say.

    Raises:
        LakeFormatError: it is of another format, or its format number cannot be read.
    """
    root = StoragePath.parse(lake or settings.current_settings().lake) / use_case
    require_format(root)
    return root


def require_format(root: StoragePath) -> None:
    """Return if the lake of a use case is empty or of this code's format.

    Raises:
        LakeFormatError: it is of another, or its format number cannot be read.
    """
    if root.uri in _current:
        return
    found = stored_format(root)
    if found is None:
        if not any((root / name).exists() for name in STORED):
            return  # nothing is stored yet
        raise LakeFormatError(root, None, f"It was stored before lakes had one. {_how_to_upgrade(root)}")
    if found > FORMAT:
        raise LakeFormatError(root, found, "Newer code has stored it: install that code, or restore a backup.")
    if found < FORMAT:
        raise LakeFormatError(root, found, _how_to_upgrade(root))
    _current.add(root.uri)


def mark_format(root: StoragePath) -> None:
    """Write the format number of a lake into which something is stored for the first time.

    Raises:
        LakeFormatError: the lake is of another format.
    """
    require_format(root)
    if root.uri not in _current:
        (root / NAME).create(_encoded(FORMAT))
        require_format(root)


def stored_format(root: StoragePath) -> int | None:
    """Return the format number of a lake, None where it has none.

    Raises:
        LakeFormatError: what is stored there is no format number.
    """
    try:
        content = (root / NAME).read()
    except FileNotFoundError:
        return None
    try:
        found = json.loads(content)["format"]
        if type(found) is int and found >= 0:
            return found
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise LakeFormatError(root, None, f"{root / NAME} cannot be read: restore it from a backup.")


def upgrade(use_case: UseCase, root: StoragePath, steps: Mapping[int, Callable[[UseCase], None]]) -> list[int]:
    """Bring a lake to this code's format, one number after the other; the numbers that were reached.

    Each step may be run again, and its number is written when it is done: after an interruption the next run goes on.

    Raises:
        LakeFormatError: newer code has stored the lake, or its number cannot be read.
    """
    found = stored_format(root) or 0
    if found > FORMAT:
        raise LakeFormatError(root, found, "Newer code has stored it, and no lake goes back: restore a backup.")
    reached = []
    for number in range(found + 1, FORMAT + 1):
        steps[number](use_case)
        (root / NAME).write(_encoded(number))
        reached.append(number)
    return reached


def _how_to_upgrade(root: StoragePath) -> str:
    return f"Stop the services, back the lake up, then run: airworthy upgrade {root.name}"


def _encoded(number: int) -> bytes:
    return (json.dumps({"format": number}) + "\n").encode()
