"""Sign the files of a table, to detect files that this installation did not write.

The log of a table states the day and digest of each file, but anyone who can write to the lake can also write the log.
So the name of each file contains the SHA-256 of its bytes, and a signature of this SHA-256, the table, the day, the
digest of the day's content and its number of rows. Readers then compare digests and do not hash rows again.
"""

from __future__ import annotations

import re
import secrets

from include.declaration.period import Period
from include.lake.signing import SigningKeys, require_signing_keys

FORGED = (
    "a file is not signed by this installation (if it was signed with other keys, set AIRWORTHY_SIGNING_KEYS to all of"
    " them, the newest first)"
)
NAME = re.compile(r"(?P<sha256>[0-9a-f]{64})-(?P<nonce>[0-9a-f]{8})-(?P<mac>[0-9a-f]{32})\.parquet")
_MAC_DIGITS = 32
"""Hexadecimal digits of the HMAC-SHA256 in a name: 128 bits (RFC 2104, section 5)."""


def signed_name(table: str, period: Period, digest: str, rows: int, sha256: str) -> str:
    """Return a new name for a file with this SHA-256, which holds one day of a table.

    `table` is `<use case>/<table>`. A random part makes the name unique: equal bytes written twice are two files, so
    removing an uncommitted one cannot remove the other.

    Raises:
        SigningKeysError: there is no key to sign with.
    """
    nonce = secrets.token_hex(4)
    signature = require_signing_keys().sign(*_signed_content(table, period, digest, rows, sha256, nonce))
    return f"{sha256}-{nonce}-{signature.mac[:_MAC_DIGITS]}.parquet"


def is_genuine(keys: SigningKeys, table: str, period: Period, digest: str, rows: int, name: str) -> bool:
    """Return whether this installation wrote the file for this content.

    It belongs to this table and day. `keys` are those of this installation, loaded once for many files.
    """
    parts = NAME.fullmatch(name)
    if parts is None:
        return False
    purpose, content = _signed_content(table, period, digest, rows, parts["sha256"], parts["nonce"])
    return keys.proves(purpose, content, parts["mac"])


def _signed_content(table: str, period: Period, digest: str, rows: int, sha256: str, nonce: str) -> tuple[str, bytes]:
    """Return the purpose and the content that the signature of a file covers."""
    return f"files of {table}", f"{period} {digest} {rows} {sha256} {nonce}".encode()
