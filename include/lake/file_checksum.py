"""Check data files against the SHA-256 in their names.

A bit flipped on disk is read as a different number. Hashing the bytes is faster than decoding them, so every file is
checked before its rows are used, once per process.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from include.lake.file_signature import NAME

GONE = "a file is missing (vacuumed, or lost)"
FOREIGN = "a file was not written by this product: its name holds no SHA-256 of its bytes"
CHANGED = "a file does not hold the bytes that were written"
_CACHED_FILES = 65_536
"""Number of files whose checksum is cached, about 300 bytes each."""


class ChecksumError(OSError):
    """The bytes of a file do not have the checksum in its name."""


def find_damage(path: str | Path) -> str:
    """Return what is wrong with a file on disk; empty if nothing is.

    Raises:
        OSError: the file exists and cannot be read.
    """
    path = Path(path)
    name = NAME.fullmatch(path.name)
    if name is None:
        return FOREIGN if path.exists() else GONE
    try:
        stat = path.stat()
        actual = _sha256(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)
    except FileNotFoundError:
        return GONE
    return "" if actual == name["sha256"] else CHANGED


def require_bytes(name: str, content: bytes) -> bytes:
    """Return the content of a file after checking it.

    Raises:
        ChecksumError: the name has no checksum, or the content has another one.
    """
    expected = NAME.fullmatch(name)
    if expected is None or hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise ChecksumError(CHANGED if expected else FOREIGN)
    return content


@functools.lru_cache(maxsize=_CACHED_FILES)
def _sha256(path: str, _size: int, _modified: int, _inode: int) -> str:
    """Return a file's digest, cached while its size, time and inode are the same."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, hashlib.sha256).hexdigest()
