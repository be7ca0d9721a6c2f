"""Count the bytes of files that this process has read from S3 and written to it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

_lock = threading.Lock()
_counted = {"downloaded": 0, "uploaded": 0}


@dataclass(frozen=True)
class S3Traffic:
    """Bytes of files since this process began.

    Without the logs of tables, which deltalake reads and writes.
    """

    downloaded: int
    uploaded: int


def count_download(size: int) -> None:
    """Add the bytes of a file that was read; several threads may read at once."""
    _add("downloaded", size)


def count_upload(size: int) -> None:
    """Add the bytes of a file that was written."""
    _add("uploaded", size)


def current_traffic() -> S3Traffic:
    """Return what was counted so far."""
    with _lock:
        return S3Traffic(**_counted)


def _add(kind: str, size: int) -> None:
    with _lock:
        _counted[kind] += size
