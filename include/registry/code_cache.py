"""Keep what is found in source code, for the next process.

To parse the modules of a use case, and to digest their statements, costs 0.3 CPU-seconds; a task of a small period
costs no more than that itself. An entry lists what it was made from: the file of each name that was looked up, also
where there was none, and the SHA-256 of each source file. It counts only if all of these are the same now.

An entry is trusted as much as the code: an account that can write to the home of this project can change both.
"""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.lake.object_store import StoragePath
from include.printable import printable_logger
from include.registry import code_modules, declared_values, source_code
from include.registry.code_modules import Module, Places
from include.settings import current_settings

log = printable_logger(__name__)
_MADE_BY = (code_modules.__file__, declared_values.__file__, source_code.__file__, __file__)
"""Modules that decide what is found in source code."""


@dataclass(frozen=True)
class SourceFindings:
    """What digests of code are made from."""

    statements: Mapping[str, str]
    """Module to the digest of its statements."""
    own: tuple[Module, ...]
    """The use case's own modules."""
    texts: frozenset[str]
    """Every string in the own modules: they may name data files."""
    paths: frozenset[str]
    """Attributes of the declaration that the own modules read."""


def folder() -> StoragePath:
    """Return the folder of the entries, in the home of this project."""
    return StoragePath.parse(current_settings().home / "code_digests")


def find(
    places: Places, kind: str, find_modules: Callable[[], Mapping[str, Module]], entries: StoragePath
) -> SourceFindings:
    """Return what is found in the code that makes a kind of result.

    `find_modules` finds the modules if no entry in the folder `entries` holds.
    """
    key = hashlib.sha256("\n".join([places.package, places.declared_in, kind]).encode()).hexdigest()
    entry = entries / f"{key}.json"
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        stored = json.loads(entry.read())
        if _holds(places, stored):
            return _decode(stored)
    modules = find_modules()
    found = findings(places, modules)
    if not entries.path.parent.is_dir():  # the home of this project is made by what needs it, and is private
        return found
    try:
        entry.write(json.dumps(_encode(places, modules, found)).encode())
    except OSError as error:
        log.debug("Digests of code are not kept in %s: %s", entry, error)
    return found


def findings(places: Places, modules: Mapping[str, Module]) -> SourceFindings:
    """Return what is found in these modules."""
    own = tuple(module for module in modules.values() if module.is_own)
    statements = {name: source_code.source_digest(module.body) for name, module in modules.items()}
    return SourceFindings(statements, own, code_modules.texts(own), declared_values.paths_read_by(own, places))


@functools.cache
def _versions() -> list[str]:
    """Return the version of Python and the digests of the modules that find something."""
    return [sys.version, *(_sha256(Path(file)) for file in _MADE_BY)]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _holds(places: Places, stored: Mapping[str, Any]) -> bool:
    if stored["made_by"] != _versions():
        return False
    looked_up = ((places.path(name), path) for name, path in stored["looked_up"].items())
    same_files = all((None if now is None else str(now)) == path for now, path in looked_up)
    return same_files and all(_sha256(Path(path)) == digest for path, digest in stored["sources"].items())


def _encode(places: Places, modules: Mapping[str, Module], found: SourceFindings) -> dict[str, Any]:
    looked_up = {name: places.path(name) for name in code_modules.names_looked_up(places, modules.values())}
    return {
        "made_by": _versions(),
        "looked_up": {name: path and str(path) for name, path in looked_up.items()},
        "sources": {str(module.path): module.sha256 for module in modules.values()},
        "statements": dict(found.statements),
        "own": [[module.name, str(module.path), module.is_imported] for module in found.own],
        "texts": sorted(found.texts),
        "paths": sorted(found.paths),
    }


def _decode(stored: Mapping[str, Any]) -> SourceFindings:
    own: Iterable[tuple[str, str, bool]] = stored["own"]
    return SourceFindings(
        stored["statements"],
        tuple(Module(name, Path(path), is_own=True, is_imported=imported, body=()) for name, path, imported in own),
        frozenset(stored["texts"]),
        frozenset(stored["paths"]),
    )
