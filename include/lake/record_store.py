"""Keep append-only records.

Each is one file, created whole or not at all, and never changed.
The ledger, the signed records of models, corrections, budget reservations and queued notifications are stored this way.
The module that declares a store defines the meaning of its records; this module writes, lists, reads and checks them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from include.errors import AirworthyError
from include.lake.object_store import StoragePath
from include.lake.signing import Signature, SigningKeys, require_signing_keys

Record = TypeVar("Record")
ATTEMPTS = 100
"""Attempts at one record; an attempt fails only if another process wrote that number first."""
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""Errors raised by reading content that is not JSON, or JSON without the expected values."""
_SIGNATURE = ("key_id", "mac")
_FORMER_NAMES = MappingProxyType({"who": "actor", "why": "comment"})


class RecordCorruptedError(AirworthyError):
    """A record is missing, was changed or cannot be read.

    A subclass names its records in `damaged`, and what stops in `consequence`.
    """

    damaged: ClassVar[str] = "The records are damaged"
    consequence: ClassVar[str] = "Nothing is read from them."

    def __init__(self, place: StoragePath, found: str, remedy: str = "") -> None:
        self.place, self.found = place, found
        super().__init__(
            f"{self.damaged} at {place}: {found}. {self.consequence} Restore the folder from a backup; never edit or"
            f" remove its files by hand.{remedy}"
        )


class FlawedRecordError(ValueError):
    """Raised by `decode` with the reason why a readable record is not genuine."""


@dataclass(frozen=True)
class Link:
    """The place of a record in a hash chain."""

    previous: str
    """Hash of the record before; empty for the first."""
    hash: str


@dataclass(frozen=True)
class RecordStore(Generic[Record]):
    """The records of one folder.

    Each has a key, the name of its file without the suffix; the key may be a number.
    """

    folder: StoragePath
    decode: Callable[[str, bytes], Record]
    """Create a record from its key and content; an error in UNREADABLE means that it is damaged."""
    error: Callable[[StoragePath, str], RecordCorruptedError] = RecordCorruptedError
    """Create the error from the file of a damaged record and what is wrong with it."""
    suffix: str = ".json"
    digits: int = 6
    """Least number of digits in the key of a numbered record."""
    link: Callable[[Record], Link] | None = None
    """Return the place of a numbered record in the hash chain; None for records that are not chained."""

    def create(self, key: str, content: bytes) -> bool:
        """Write the record unless the key is taken; return whether this call wrote it."""
        return self.path(key).create(content)

    def append(self, number: int, content: bytes) -> bool:
        """Write the record of that number unless it is taken.

        Returns whether this call wrote it.
        """
        return self.create(self.key(number), content)

    def read(self, key: str) -> Record:
        """Return the record of that key.

        Raises:
            RecordCorruptedError: it is missing or damaged.
        """
        return self.read_all([key])[0]

    def find(self, key: str) -> Record | None:
        """Return the record of that key; None if there is none.

        Raises:
            RecordCorruptedError: it is damaged.
        """
        try:
            content = self.path(key).read()
        except FileNotFoundError:
            return None
        return self._decoded(key, content)

    def read_all(self, keys: Sequence[str]) -> list[Record]:
        """Return the records of these keys, in their order.

        Raises:
            RecordCorruptedError: one is missing or damaged.
        """
        contents = self._contents(keys, FileNotFoundError)
        return [self._decoded(key, content) for key, content in zip(keys, contents, strict=True)]

    def read_each(
        self, keys: Sequence[str], missing: type[OSError] = FileNotFoundError
    ) -> dict[str, Record | RecordCorruptedError]:
        """Return the record of each key, or the error if it is damaged.

        A damaged record must not hide the others. An OSError other than `missing` is raised unchanged.
        """
        records: dict[str, Record | RecordCorruptedError] = {}
        for key, content in zip(keys, self._contents(keys, missing), strict=True):
            try:
                records[key] = self._decoded(key, content)
            except RecordCorruptedError as error:
                records[key] = error
        return records

    def numbers(self) -> list[int]:
        """Return the numbers of the numbered records, in order; other files are ignored.

        Raises:
            RecordCorruptedError: the name of a file is not the one of its number.
        """
        pattern = re.compile(rf"(\d{{{self.digits},}}){re.escape(self.suffix)}")
        keys = [match[1] for name in self.folder.names() if (match := pattern.fullmatch(name))]
        for key in keys:
            if key != self.key(int(key)):
                raise self.error(self.path(key), f"record {int(key)} has the name {self.key(int(key))}{self.suffix}")
        return sorted(map(int, keys))

    def numbered(self) -> list[Record]:
        """Return all numbered records in order, and check the hash chain.

        The numbers begin with 1 and have no gap.

        Raises:
            RecordCorruptedError: one is missing, damaged or not chained.
        """
        numbers = self.numbers()
        for expected, number in enumerate(numbers, start=1):
            if number != expected:
                raise self.error(self.path(self.key(expected)), "it is missing")
        records = self.read_all([self.key(number) for number in numbers])
        if self.link is not None:
            self._require_chain([self.link(record) for record in records])
        return records

    def list_keys(self) -> set[str]:
        """Return the key of every file of the store."""
        return {name.removesuffix(self.suffix) for name in self.folder.names() if name.endswith(self.suffix)}

    def copy(self, keys: Iterable[str], to: RecordStore[Record]) -> None:
        """Copy the records of these keys to another store, byte for byte."""
        for key in keys:
            to.create(key, self.path(key).read())

    def mark(self, name: str) -> bool:
        """Create an empty file of that name; return whether this call created it."""
        return (self.folder / name).create(b"")

    def key(self, number: int) -> str:
        """Return the key of a numbered record."""
        return f"{number:0{self.digits}d}"

    def path(self, key: str) -> StoragePath:
        """Return the file of a record."""
        return self.folder / f"{key}{self.suffix}"

    def _contents(self, keys: Sequence[str], missing: type[OSError]) -> Sequence[bytes | OSError]:
        """Return the content of each file, or the error if it is an instance of `missing`."""
        try:
            return self.folder.read_all([f"{key}{self.suffix}" for key in keys])
        except missing:
            return [self._content(key, missing) for key in keys]

    def _content(self, key: str, missing: type[OSError]) -> bytes | OSError:
        try:
            return self.path(key).read()
        except missing as error:
            return error

    def _decoded(self, key: str, content: bytes | OSError) -> Record:
        if isinstance(content, FileNotFoundError):
            raise self.error(self.path(key), "it is missing")
        try:
            if isinstance(content, OSError):
                raise ValueError(content)
            return self.decode(key, content)
        except FlawedRecordError as error:
            raise self.error(self.path(key), str(error)) from error
        except UNREADABLE as error:
            raise self.error(self.path(key), f"it cannot be read ({error})") from error

    def _require_chain(self, links: Sequence[Link]) -> None:
        previous = ""
        for number, link in enumerate(links, start=1):
            if link.previous != previous:
                found = f"it does not follow from record {number - 1}, or that one was changed"
                raise self.error(self.path(self.key(number)), found)
            previous = link.hash


def encode_record(values: Mapping[str, Any], default: Callable[[Any], object] | None = None) -> bytes:
    """Return the JSON of a record.

    `default` converts values that JSON does not support.
    """
    return (json.dumps(values, indent=1, sort_keys=True, default=default) + "\n").encode()


def seal_record(purpose: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with their signature.

    `purpose` keeps a record from being used as one of another kind.

    Raises:
        SigningKeysError: there is no key to sign with.
    """
    signature = require_signing_keys().sign(purpose, signed_content(values))
    return {**values, "key_id": signature.key_id, "mac": signature.mac}


def seal_flaw(keys: SigningKeys, purpose: str, values: Mapping[str, Any], *, on_ledger: bool = False) -> str:
    """Return why the signature of these values is not genuine; empty if it is.

    `keys` are those of this installation.
    """
    signature = Signature(*(str(values.get(name, "")) for name in _SIGNATURE))
    return keys.flaw(purpose, signed_content(values), signature, on_ledger=on_ledger)


def signed_content(values: Mapping[str, Any]) -> bytes:
    """Return the bytes that a signature covers: all values but the signature itself."""
    return encode_record({name: value for name, value in values.items() if name not in _SIGNATURE})


def current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored record's values by their present names.

    Records of lake format 1 have former names. Hashes and signatures cover these names, so they are never rewritten.
    """
    return {_FORMER_NAMES.get(name, name): value for name, value in values.items()}


def former_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's values by the names of lake format 1."""
    former = {name: before for before, name in _FORMER_NAMES.items()}
    return {former.get(name, name): value for name, value in values.items()}


def has_former_names(values: Mapping[str, Any]) -> bool:
    """Return whether a stored record has names of lake format 1."""
    return not _FORMER_NAMES.keys().isdisjoint(values)
