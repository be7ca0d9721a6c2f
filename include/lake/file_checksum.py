"""Check data files against the SHA-256 of their bytes, which is part of their name.

A bit that has flipped on a disk reads as another number. Hashing the bytes costs less than decoding them, so every
file is checked before its rows are used, once per process.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from include.lake.file_signature import NAME

GONE = "a file is gone (vacuumed, or lost)"
FOREIGN = "a file was not written by this product: its name holds no SHA-256 of its bytes"
CHANGED = "a file does not hold the bytes that were written"
_REMEMBERED = 65_536
"""Files whose checksum is remembered, about 300 bytes each."""


class ChecksumError(OSError):
    """The bytes of a file are not those that its name promises."""


def find_damage(path: str | Path) -> str:
    """Return what is wrong with a file on disk, or an empty string.

    Raises OSError where the file is there and cannot be read.
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
    """Return the content of a file of that name; ChecksumError if it is not what was written."""
    promised = NAME.fullmatch(name)
    if promised is None or hashlib.sha256(content).hexdigest() != promised["sha256"]:
        raise ChecksumError(CHANGED if promised else FOREIGN)
    return content


@functools.lru_cache(maxsize=_REMEMBERED)
def _sha256(path: str, size: int, modified: int, inode: int) -> str:  # noqa: ARG001  # a file with others is another
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, hashlib.sha256).hexdigest()
