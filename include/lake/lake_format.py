"""Number the storage format of a use case's lake, and upgrade an older format.

`<lake>/<use case>/format.json` has the number, for tables, ledger and records. Code that changes the storage format
increments FORMAT and adds a step to STEPS of maintenance/lake_upgrade.py; it never reads two formats.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from include import settings
from include.declaration.names import GROUP_PREFIX, GROUPS_FOLDER, lake_folder
from include.errors import AirworthyError
from include.lake.object_store import StoragePath

FORMAT = 3
"""The format of this code. 1: signed names of data files, signed ledger entries and records. 2: tags in MLflow begin
with `airworthy.`; columns of `predictions` and `metrics` have their present names. 3: what steps cost is kept in
records; format 2 had the tables `durations/train` and `durations/score`."""
NAME = "format.json"
STORED = ("ledger", "records", "raw", "checked", "features", "labels", "predictions", "metrics")
"""A lake with any content has at least one of these folders."""
_current: set[str] = set()
"""Lakes that this process found to have this format; a format never changes back."""


class LakeFormatError(AirworthyError):
    """A lake has another storage format than this code."""

    def __init__(self, root: StoragePath, found: int | None, remedy: str) -> None:
        self.root, self.found, self.known = root, found, FORMAT
        actual = "has no readable format number" if found is None else f"has the format {found}"
        super().__init__(f"The lake {root} {actual}; this code reads and writes format {FORMAT}. {remedy}")


def lake_root(use_case: str, lake: str = "") -> StoragePath:
    """Return the folder of a use case in `lake`.

    Without `lake`, the lake of the settings is used.

    Raises:
        LakeFormatError: the lake has another format, or its format number cannot be read.
    """
    root = StoragePath.parse(lake or settings.current_settings().lake) / lake_folder(use_case)
    require_format(root)
    return root


def require_format(root: StoragePath) -> None:
    """Check that the lake of a use case is empty or has the format of this code.

    Raises:
        LakeFormatError: the lake has another format, or its format number cannot be read.
    """
    if root.uri in _current:
        return
    found = stored_format(root)
    if found is None:
        if not any((root / name).exists() for name in STORED):
            return  # nothing is stored yet
        found = stored_format(root)  # another process may have stored the number, then content, in between
        if found is None:
            raise LakeFormatError(root, None, f"It was stored before lakes had one. {_upgrade_advice(root)}")
    if found > FORMAT:
        raise LakeFormatError(root, found, "It was stored by newer code: install that code, or restore a backup.")
    if found < FORMAT:
        raise LakeFormatError(root, found, _upgrade_advice(root))
    _current.add(root.uri)


def mark_format(root: StoragePath) -> None:
    """Write the format number of a lake before its first content is stored.

    Raises:
        LakeFormatError: the lake has another format.
    """
    require_format(root)
    if root.uri not in _current:
        (root / NAME).create(_encoded(FORMAT))
        require_format(root)


def stored_format(root: StoragePath) -> int | None:
    """Return the format number of a lake; None if it has none.

    Raises:
        LakeFormatError: the stored content is not a format number.
    """
    try:
        content = (root / NAME).read()
    except FileNotFoundError:
        return None
    try:
        number = json.loads(content)["format"]
        if type(number) is int and number >= 0:
            return number
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise LakeFormatError(root, None, f"{root / NAME} cannot be read: restore it from a backup.")


def upgrade(root: StoragePath, steps: Mapping[int, Callable[[], None]]) -> list[int]:
    """Upgrade a lake to the format of this code, one number at a time.

    Returns the numbers reached. Each step can be repeated, and its number is written at its end: after an interruption
    the next run continues.

    Raises:
        LakeFormatError: the lake was stored by newer code, or its number cannot be read.
    """
    found = stored_format(root) or 0
    if found > FORMAT:
        raise LakeFormatError(
            root, found, "It was stored by newer code, and a lake cannot be downgraded: restore a backup."
        )
    reached = []
    for number in range(found + 1, FORMAT + 1):
        steps[number]()
        (root / NAME).write(_encoded(number))
        reached.append(number)
    return reached


def _upgrade_advice(root: StoragePath) -> str:
    prefix = GROUP_PREFIX if root.uri.endswith(f"/{GROUPS_FOLDER}/{root.name}") else ""
    return f"Stop the services, back the lake up, then run: airworthy upgrade {prefix}{root.name}"


def _encoded(number: int) -> bytes:
    return (json.dumps({"format": number}) + "\n").encode()
