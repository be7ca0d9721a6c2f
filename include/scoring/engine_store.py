"""Store compiled trees in a private folder, with a signed record of each.

A library is native code, and runs with the rights of a task. So it is only loaded if the record, which is signed by
this installation, has the SHA-256 of its bytes. The lake and MLflow never hold one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.lake import lock, record_store
from include.lake.object_store import StoragePath
from include.lake.signing import load_signing_keys
from include.printable import printable_logger
from include.scoring.tree_certificate import Certificate

log = printable_logger(__name__)
FOLDER = "compiled"
"""Folder of all compiled trees in the home of this project."""
_PURPOSE = "compiled trees"
"""Keeps another signed record from being used as one of these."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_POLL_SECONDS = 0.1
PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600


class PrivateFolderError(OSError):
    """The folder for compiled trees belongs to another account."""


@dataclass(frozen=True)
class EngineRecord:
    """What is known about the engine of some trees."""

    key: str
    """Digest of the trees and of the versions of the libraries."""
    library: str = ""
    """SHA-256 of the compiled trees; empty without any."""
    certificate: Certificate | None = None
    """None: the engine must not be used, for the reason in `refused`."""
    refused: str = ""
    uncompiled: str = ""
    """Why the trees are interpreted."""
    compiler: str = ""
    """Path of the compiler that was tried."""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "certificate": self.certificate.to_json() if self.certificate else None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EngineRecord:
        """Return the record from the values of `to_json`."""
        certificate = Certificate(**values["certificate"]) if values["certificate"] else None
        names = ("key", "library", "refused", "uncompiled", "compiler")
        return cls(**{name: str(values[name]) for name in names}, certificate=certificate)


@dataclass(frozen=True)
class EngineStore:
    """The records and libraries of one folder, `compiled` in the home of this project."""

    folder: Path

    def read(self, key: str) -> tuple[EngineRecord, bytes | None] | None:
        """Return the record of a key with the bytes of its library.

        None if there is none, or it is not genuine.
        """
        try:
            content, library = self._record(key).read_bytes(), None
            record = _genuine(key, content)
            if record.library:
                library = self._library(key).read_bytes()
                if hashlib.sha256(library).hexdigest() != record.library:
                    raise ValueError("the library has other bytes than those that were recorded")
        except FileNotFoundError:
            return None
        except (OSError, *record_store.UNREADABLE) as error:
            log.warning("Compiled trees in %s are not loaded, and are made again: %s.", self.folder, error)
            return None
        return record, library

    def write(self, record: EngineRecord, library: bytes | None = None) -> None:
        """Store a record and its library.

        Raises:
            OSError: the folder cannot be written to.
            SigningKeysError: there is no key to sign with.
        """
        content = record_store.encode_record(record_store.seal_record(_PURPOSE, record.to_json()))
        if library is not None:
            self._replace(self._library(record.key), library)
        self._replace(self._record(record.key), content)

    @contextmanager
    def locked(self, key: str, seconds: float) -> Iterator[None]:
        """Let one process at a time make the engine of a key.

        A killed process leaves no lock.

        Raises:
            TimeoutError: another process held the lock for all these seconds.
            OSError: the folder cannot be written to.
        """
        self._make_private()
        file = self.folder / f"{key}.lock"
        file.touch(PRIVATE_FILE)
        deadline = time.monotonic() + seconds
        while True:
            with lock.try_lock(StoragePath.parse(file)) as is_held:
                if is_held:
                    yield
                    return
            if time.monotonic() > deadline:
                raise TimeoutError(f"another process held {file.name} for {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def workshop(self, key: str) -> Iterator[Path]:
        """Yield a private folder to compile in; call it in a block of `locked`.

        Folders that killed processes left are removed.
        """
        for left in self.folder.glob(f".{key}-*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f".{key}-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def _make_private(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
        status = self.folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise PrivateFolderError(f"{self.folder} is no folder of this account")
        if status.st_mode & _OTHERS:
            self.folder.chmod(PRIVATE_FOLDER)

    def _replace(self, path: Path, content: bytes) -> None:
        """Write a file, readable by its owner only, in one step."""
        self._make_private()
        descriptor, draft = tempfile.mkstemp(dir=self.folder, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise

    def _record(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _library(self, key: str) -> Path:
        return self.folder / f"{key}.so"


def _genuine(key: str, content: bytes) -> EngineRecord:
    """Return the record of these bytes.

    Raises:
        FlawedRecordError: this installation did not sign it for this key.
    """
    values = json.loads(content)
    if flaw := record_store.seal_flaw(load_signing_keys(), _PURPOSE, values):
        raise record_store.FlawedRecordError(flaw)
    record = EngineRecord.from_json(values)
    if record.key != key:
        raise record_store.FlawedRecordError("the record belongs to other trees")
    return record


def store_in(home: Path) -> EngineStore:
    """Return the store of the home of this project."""
    return EngineStore(home / FOLDER)
