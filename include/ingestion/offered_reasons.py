"""Read the reasons that the form of a quarantine offers.

Airflow reads DAG files every minute, without heavy imports: the reasons are those of the newest reports of validations
that quarantined rows. Nothing is decided from them: a task looks up the rows itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from include.declaration.form_limits import LIST_LENGTH, REASON_LENGTH
from include.ingestion.report_name import FOLDER, ReportName
from include.printable import escape_line

PERIODS = 20
"""Newest periods of a feed whose reasons are offered."""
_LARGEST = 1_000_000
"""Bytes of a report that is read; a larger one was not written here."""


@dataclass(frozen=True)
class OfferedReason:
    """A reason of quarantined rows, for a choice in a form."""

    feed: str
    text: str


def read_offered_reasons(lake: str, folder: str, feeds: Sequence[str]) -> list[OfferedReason]:
    """Return the reasons of the feeds that are known on this disk.

    There are none if the lake is on S3. `folder` is that of the use case in the lake. A reason with characters that a
    form cannot show as they are is left out.
    """
    if "://" in lake:
        return []
    found: dict[OfferedReason, None] = {}
    for feed in feeds:
        for reason in _reasons_of(Path(lake) / folder / FOLDER / feed):
            if reason == escape_line(reason) and len(reason) <= REASON_LENGTH:
                found[OfferedReason(feed, reason)] = None
    return [*found][:LIST_LENGTH]


def _reasons_of(place: Path) -> list[str]:
    """Return the reasons in the newest reports of a folder, the newest first."""
    try:
        names = [name for file in place.iterdir() if (name := ReportName.parse(file.name)) is not None]
    except OSError:
        return []
    chosen = sorted((name for name in names if name.quarantined), key=lambda name: name.key, reverse=True)[:PERIODS]
    return [reason for name in chosen for reason in _read(place / name.file)]


def _read(file: Path) -> list[str]:
    try:
        if file.stat().st_size > _LARGEST:
            return []
        reasons = json.loads(file.read_bytes())["reasons"]
        return [*map(str, reasons)] if isinstance(reasons, dict) else []
    except (OSError, ValueError, TypeError, KeyError):
        return []
