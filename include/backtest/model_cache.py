"""Cache models and profiles of backtests on disk, by their inputs' fingerprint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from include.lake import content_digest
from include.lake.object_store import StoragePath
from include.project import Project


@dataclass(frozen=True)
class ModelCache:
    """Store plain values by name in `<home>/replay/<use case>`.

    The folder may be deleted at any time.
    """

    folder: StoragePath

    @classmethod
    def open(cls, project: Project) -> ModelCache:
        """Return the cache of the project's use case."""
        return cls(StoragePath.parse(project.settings.home) / "replay" / project.use_case.name)

    def read(self, name: str) -> Any:
        """Return the values of that name; None if missing.

        A damaged file is removed and counts as missing.
        """
        path = self._path(name)
        try:
            stored = json.loads(path.read())
            if stored["digest"] == _digest(stored["values"]):
                return stored["values"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            pass
        path.remove()
        return None

    def put(self, name: str, values: Any) -> None:
        """Store values that JSON can hold; existing values of that name are not replaced."""
        text = json.dumps({"digest": _digest(values), "values": values})
        self._path(name).create(text.encode())

    def _path(self, name: str) -> StoragePath:
        return self.folder / f"{name}.json"


def _digest(values: Any) -> str:
    # Of the text with its order of keys, since a baseline adds up its weights in that order.
    return content_digest.digest_values([json.dumps(values)])
