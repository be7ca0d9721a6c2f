"""Keep the versions that forms offer in a small file of the lake.

Airflow reads DAG files every minute, without MLflow and without heavy imports; so the file is written whenever the
registry follows the ledger, and only read for a form. Nothing is decided from it: a task looks up its version itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from include.printable import escape_line, printable_logger

if TYPE_CHECKING:
    from include.lake.object_store import StoragePath
    from include.registry.ledger_entry import LedgerEntry
    from include.registry.lifecycle import LifecycleStatus
    from include.registry.model_record import Version

FILE = "versions.json"
MOST = 50
"""Versions that a form offers, the newest."""
_LARGEST = 100_000
"""Bytes of a file that is read; a larger one was not written here."""
log = printable_logger(__name__)


@dataclass(frozen=True)
class OfferedVersion:
    """A version of a model, for a choice in a form."""

    number: str
    text: str
    """What it is, such as `champion since 2013-04-29`."""
    was_champion: bool


def write_offered_versions(
    root: StoragePath | None,
    versions: Sequence[Version],
    states: Mapping[str, LifecycleStatus],
    entries: Sequence[LedgerEntry],
) -> None:
    """Write the newest versions into a use case's folder of the lake.

    A lake on S3 gets no file: DAG files do not read from the network.
    """
    if root is None or not root.is_local:
        return
    newest = sorted(versions, key=lambda version: (len(version.number), version.number), reverse=True)[:MOST]
    content = json.dumps([asdict(_offer(each, states[each.number], entries)) for each in newest]).encode()
    place = root / FILE
    try:
        if not place.exists() or place.read() != content:
            place.write(content)
    except OSError as error:
        log.warning("%s could not be written, so forms offer older versions: %s", place, error)


def _offer(version: Version, status: LifecycleStatus, entries: Sequence[LedgerEntry]) -> OfferedVersion:
    from include.registry import lifecycle

    reigns = [entry for entry in entries if entry.makes_champion and lifecycle.refers_to(entry, version, entries)]
    text = f"{status}, trained as of {version.as_of}"
    if reigns:
        verb = "champion since" if status == "champion" else "was champion from"
        text = f"{verb} {reigns[-1].effective_from}"
    return OfferedVersion(version.number, text, was_champion=bool(reigns))


def read_offered_versions(lake: str, folder: str) -> list[OfferedVersion]:
    """Return the versions of a use case that are known on this disk, the newest first.

    There are none if the lake is on S3 or has no such file. `folder` is that of the use case in the lake.
    """
    if "://" in lake:
        return []
    place = Path(lake) / folder / FILE
    try:
        if place.stat().st_size > _LARGEST:
            return []
        found = [OfferedVersion(**each) for each in json.loads(place.read_bytes())[:MOST]]
        return [each for each in found if all(text == escape_line(text) for text in (each.number, each.text))]
    except (OSError, ValueError, TypeError):
        return []
