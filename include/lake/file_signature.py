"""Sign the files of a table, so that a file that somebody else has committed shows.

The log of a table says which day and which digest a file belongs to, and whoever may write to the lake may write the
log, too. So the name of each file holds the SHA-256 of its bytes and a signature of that, the table, the day, the
digest of the day's content and its number of rows. Readers compare digests alone then, and hash no rows again.
"""

from __future__ import annotations

import re
import secrets

from include.declaration.period import Period
from include.lake.signing import SigningKeys, require_signing_keys

FORGED = (
    "a file is not signed by this installation (if its keys are others than those here, set AIRWORTHY_SIGNING_KEYS to"
    " all of them, the newest first)"
)
NAME = re.compile(r"(?P<sha256>[0-9a-f]{64})-(?P<chance>[0-9a-f]{8})-(?P<mac>[0-9a-f]{32})\.parquet")
_MAC_DIGITS = 32
"""Hexadecimal digits of the HMAC-SHA256 that a name holds: 128 bits (RFC 2104, section 5)."""


def signed_name(table: str, period: Period, digest: str, rows: int, sha256: str) -> str:
    """Return a new name for a file with the bytes of that SHA-256, which holds the day of a table.

    `table` is `<use case>/<table>`. A random part makes the name unique: equal bytes that are written twice are two
    files, so that removing the one that no commit names cannot remove the other.

    Raises:
        SigningKeysError: there is no key to sign with.
    """
    chance = secrets.token_hex(4)
    signature = require_signing_keys().sign(*_signed(table, period, digest, rows, sha256, chance))
    return f"{sha256}-{chance}-{signature.mac[:_MAC_DIGITS]}.parquet"


def is_genuine(keys: SigningKeys, table: str, period: Period, digest: str, rows: int, name: str) -> bool:
    """Return whether a file of that name was written here, as that day of the table, with that content.

    `keys` are those of this installation, loaded once for many files.
    """
    found = NAME.fullmatch(name)
    if found is None:
        return False
    purpose, content = _signed(table, period, digest, rows, found["sha256"], found["chance"])
    return keys.proves(purpose, content, found["mac"])


def _signed(table: str, period: Period, digest: str, rows: int, sha256: str, chance: str) -> tuple[str, bytes]:
    return f"files of {table}", f"{period} {digest} {rows} {sha256} {chance}".encode()
