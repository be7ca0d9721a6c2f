"""Fits: what a replay has trained, kept on disk by what it was made from, so that it is trained once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from include import settings
from include.declaration.use_case import UseCase
from include.lake import content_digest
from include.lake.object_store import StoragePath


@dataclass(frozen=True)
class ModelCache:
    """Plain values by name, one file each, under `<home>/replay/<use case>`. It may be deleted at any time."""

    folder: StoragePath

    @classmethod
    def of(cls, use_case: UseCase) -> ModelCache:
        return cls(StoragePath.of(settings.current_settings().home) / "replay" / use_case.name)

    def read(self, name: str) -> Any:
        """What was kept under that name; None where nothing was, or where it is damaged, and then it is removed."""
        path = self._path(name)
        try:
            kept = json.loads(path.read())
            if kept["digest"] == _digest(kept["values"]):
                return kept["values"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            pass
        path.remove()
        return None

    def keep(self, name: str, values: Any) -> None:
        """Keep values that JSON can hold; what was kept under that name before stays."""
        text = json.dumps({"digest": _digest(values), "values": values})
        self._path(name).create(text.encode())

    def _path(self, name: str) -> StoragePath:
        return self.folder / f"{name}.json"


def _digest(values: Any) -> str:
    # Of the text in the order in which it stands: a baseline adds up its weights in that order.
    return content_digest.digest_values([json.dumps(values)])
