"""Sign records and verify them, with keys that are not in the lake.

Anyone who can write to the lake can write a record there. A keyed hash (HMAC-SHA256, RFC 2104) shows which records this
installation wrote.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from include import settings
from include.errors import AirworthyError

VARIABLE = "AIRWORTHY_SIGNING_KEYS"
"""Environment variable with the keys, separated by commas, the newest first."""
RETIRED = "ledger:"
"""Prefix of a key that leaked and was replaced. It verifies only ledger entries, because there no entry signed with an
older key is accepted after one with a newer key."""
SHORTEST = 32
"""Least number of characters of a key."""


class SigningKeysError(AirworthyError):
    """There is no usable key to sign with."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what} Set {VARIABLE} to the installation's keys, separated by commas, the newest first, in every process"
            ' that runs tasks, and keep them in a safe place. `python -c "import secrets;'
            ' print(secrets.token_urlsafe(32))"` creates one.'
        )


@dataclass(frozen=True)
class Signature:
    """The proof that a record is genuine."""

    key_id: str
    """Identifies the key without revealing it."""
    mac: str
    """HMAC-SHA256 of purpose and content, in hexadecimal digits."""


@dataclass(frozen=True)
class SigningKeys:
    """The keys of this installation, the newest first.

    The newest one signs. All verify ledger entries; those not retired verify everything.
    """

    keys: tuple[str, ...]
    retired: frozenset[str] = frozenset()

    def sign(self, purpose: str, content: bytes) -> Signature:
        """Return the signature of `content`.

        `purpose` keeps a record from being used as one of another kind.
        """
        return Signature(key_id(self.keys[0]), _mac(self.keys[0], purpose, content))

    def flaw(self, purpose: str, content: bytes, signature: Signature, *, on_ledger: bool = False) -> str:
        """Return why a record, or an entry of the ledger, is not genuine; empty if it is."""
        if not signature.key_id or not signature.mac:
            return "it is not signed"
        if (age := self.age(signature.key_id)) is None:
            known = ", ".join(map(key_id, self.keys)) or "none"
            return f"it is signed with key {signature.key_id[:16]!r}, which is not among the keys here ({known})"
        if self.keys[age] in self.retired and not on_ledger:
            return (
                f"it is signed with key {signature.key_id!r}, which was retired and verifies only entries of the ledger"
            )
        if not _is_same(_mac(self.keys[age], purpose, content), signature.mac):
            return "its signature does not fit its content"
        return ""

    def proves(self, purpose: str, content: bytes, start: str) -> bool:
        """Return whether an unretired key's signature begins with these digits.

        It is the signature of `content`.
        """
        usable = (key for key in self.keys if key not in self.retired)
        return any(_is_same(_mac(key, purpose, content)[: len(start)], start) for key in usable)

    def setting(self) -> str:
        """Return the value of the environment variable for these keys; a secret."""
        return ",".join(f"{RETIRED if key in self.retired else ''}{key}" for key in self.keys)

    def age(self, identifier: str) -> int | None:
        """Return how many keys are newer than this one; None for an unknown key."""
        return next((age for age, key in enumerate(self.keys) if key_id(key) == identifier), None)


def key_id(key: str) -> str:
    """Return the public name of a key: eight hexadecimal digits of its SHA-256."""
    return hashlib.sha256(f"airworthy key {key}".encode()).hexdigest()[:8]


def load_signing_keys() -> SigningKeys:
    """Return the keys of the environment.

    Without them, the keys in this machine's file are returned; none if there is no file.

    Raises:
        SigningKeysError: a key is too short, or the newest one is retired.
    """
    if given := os.environ.get(VARIABLE, "").strip():
        return _parse(given, f"{VARIABLE} holds")
    path = keys_file()
    return _parse(path.read_text(), f"{path} holds") if path.exists() else SigningKeys(())


def require_signing_keys() -> SigningKeys:
    """Return keys to sign with.

    If there are none and the lake is on disk, a key of this machine is created.

    Raises:
        SigningKeysError: there is none for a lake on S3, which other machines share; a key is too short; or the newest
            one is retired.
    """
    if (loaded := load_signing_keys()).keys:
        return loaded
    lake = settings.current_settings().lake
    if "://" in lake:
        raise SigningKeysError(f"There is no key to sign with, and the lake {lake} is shared.")
    _create_key(keys_file())
    return load_signing_keys()


def keys_file() -> Path:
    """Return the file of this machine's keys.

    It is used without keys in the environment.
    """
    return settings.current_settings().home / "credentials" / "signing_keys"


def _parse(text: str, origin: str) -> SigningKeys:
    given = [key.strip() for key in text.replace("\n", ",").split(",") if key.strip()]
    keys = tuple(key.removeprefix(RETIRED) for key in given)
    if given and given[0].startswith(RETIRED):
        raise SigningKeysError(f"{origin} a retired key as the newest, which cannot sign.")
    if short := sum(len(key) < SHORTEST for key in keys):
        raise SigningKeysError(f"{origin} {_counted_keys(keys, short)} of fewer than {SHORTEST} characters.")
    return SigningKeys(keys, frozenset(key for key in keys if f"{RETIRED}{key}" in given))


def _counted_keys(keys: Sequence[str], count: int) -> str:
    return f"{count} of {len(keys)} keys" if len(keys) > 1 else "a key"


def _create_key(path: Path) -> None:
    """Write a new key, readable by its owner only.

    If another process created the file first, it is kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(SHORTEST) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()


def _is_same(made: str, given: str) -> bool:
    """Compare two signatures in constant time; a foreign one may be any text."""
    return hmac.compare_digest(made.encode(), given.encode(errors="replace"))


def _mac(key: str, purpose: str, content: bytes) -> str:
    return hmac.new(key.encode(), purpose.encode() + b"\0" + content, hashlib.sha256).hexdigest()
