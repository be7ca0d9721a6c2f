"""Read and write files alike on disk and on S3 (`s3://bucket/prefix`).

A file is created or replaced in one atomic step. On S3, every method raises `s3.ObjectStoreError` if the server
refuses or cannot be reached.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from include.errors import InvalidRequestError
from include.lake import s3
from include.lake.s3_object import S3Object

_CONTROL = re.compile(r"[\x00-\x1f]")
_WRITING, _CREATING = ".writing-", ".creating-"
"""Prefixes of the names of unfinished files on disk."""
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class InvalidStoragePathError(InvalidRequestError):
    """A name would lead out of its folder."""

    def __init__(self, root: str, name: str) -> None:
        self.name, self.root = name, root
        super().__init__(
            f"{name!r} is not a valid name in {root}. A name has no '..', no empty part, no backslash and no control"
            " character, and does not begin with '/'."
        )


def _translate_errors(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Return the method with errors of S3 raised as `s3.ObjectStoreError`."""

    @wraps(method)
    def translating(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with s3.translate_s3_errors(str(args[0])):
            return method(*args, **kwargs)

    return translating


@dataclass(frozen=True)
class StoragePath:
    """The address of a file or folder, which need not exist."""

    uri: str
    """An absolute path, or `s3://bucket/key`; no slash at its end."""

    @classmethod
    def parse(cls, address: str | Path) -> StoragePath:
        """Return the storage path of a path on disk or an S3 address.

        Raises:
            InvalidRequestError: the address is not one of S3, or has no bucket.
        """
        text = str(address)
        if "://" not in text:
            return cls(str(Path(text).expanduser().resolve()))
        parts = urlsplit(text)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise InvalidRequestError(f"{text!r} is not a place for files: name a folder, or s3://bucket/prefix.")
        return cls(text.rstrip("/"))

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str) -> StoragePath:
        """Return the path of a file or folder in this folder.

        Raises:
            InvalidStoragePathError: the name would lead out of this folder.
        """
        parts = name.split("/")
        if "\\" in name or any(part in ("", ".", "..") for part in parts) or _CONTROL.search(name):
            raise InvalidStoragePathError(self.uri, name)
        return StoragePath(f"{self.uri}/{name}")

    @property
    def is_local(self) -> bool:
        return not self.uri.startswith(s3.SCHEME)

    @property
    def path(self) -> Path:
        """The path on disk; only for local paths."""
        assert self.is_local, self.uri
        return Path(self.uri)

    @property
    def name(self) -> str:
        return self.uri.rpartition("/")[2]

    @_translate_errors
    def read(self) -> bytes:
        """Return the file's content.

        Raises:
            FileNotFoundError: there is no such file.
        """
        if self.is_local:
            return self.path.read_bytes()
        content = io.BytesIO()
        self._object.copy_to(content)
        return content.getvalue()

    @_translate_errors
    def size(self) -> int:
        """Return the size of the file in bytes.

        Raises:
            FileNotFoundError: there is no such file, or it is not a regular file.
        """
        if self.is_local:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(self.uri)
            return status.st_size
        return self._object.size()

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """Return the contents of these files of this folder, in the given order.

        Raises:
            FileNotFoundError: one does not exist.
        """
        paths = [self / name for name in names]
        return [path.read() for path in paths] if self.is_local else s3.map_concurrently(StoragePath.read, paths)

    @_translate_errors
    def exists(self) -> bool:
        """Return whether the file exists, or the folder has any content."""
        if self.is_local:
            return self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir()))
        first = s3.client().list_objects_v2(Bucket=self._bucket, Prefix=self._key, MaxKeys=1)
        if any(entry["Key"] == self._key for entry in first.get("Contents", [])):
            return True
        content = s3.client().list_objects_v2(
            Bucket=self._bucket, Prefix=f"{self._key}/" if self._key else "", MaxKeys=1
        )
        return bool(content.get("KeyCount"))

    @_translate_errors
    def names(self, prefix: str = "") -> list[str]:
        """Return the sorted names in this folder that begin with `prefix`.

        They are names of files and folders directly in it. Empty if there is no such folder. On S3, the server lists
        only the names with this prefix.
        """
        if self.is_local:
            try:
                return sorted(path.name for path in self.path.iterdir() if path.name.startswith(prefix))
            except FileNotFoundError:
                return []
        folder = f"{self._key}/" if self._key else ""
        paginator = s3.client().get_paginator("list_objects_v2")
        names = set[str]()
        for page in paginator.paginate(Bucket=self._bucket, Prefix=folder + prefix, Delimiter="/"):
            names |= {entry["Key"].removeprefix(folder) for entry in page.get("Contents", [])}
            names |= {entry["Prefix"].removeprefix(folder).rstrip("/") for entry in page.get("CommonPrefixes", [])}
        return sorted(names - {""})

    @_translate_errors
    def create(self, content: bytes) -> bool:
        """Create the file with its content unless it exists.

        Returns whether this call created it.
        """
        return _create_on_disk(self.path, content) if self.is_local else self._object.create(content)

    @_translate_errors
    def write(self, content: bytes) -> None:
        """Create or replace the file in one step."""
        if not self.is_local:
            self._object.replace(content)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=_WRITING)
        try:
            with os.fdopen(handle, "wb") as sink:
                sink.write(content)
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    @_translate_errors
    def put(self, file: Path) -> None:
        """Move a file on disk to this path in one step, replacing an existing file."""
        if self.is_local:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file.replace(self.path)
            return
        self._object.upload(file)
        file.unlink()

    @_translate_errors
    def remove(self) -> None:
        """Remove the file if it exists."""
        if self.is_local:
            self.path.unlink(missing_ok=True)
        else:
            self._object.remove()

    @_translate_errors
    def fetch(self, to: Path) -> Path:
        """Copy the file to a path on disk in chunks; return this path.

        Raises:
            FileNotFoundError: there is no such file.
        """
        to.parent.mkdir(parents=True, exist_ok=True)
        if self.is_local:
            shutil.copyfile(self.path, to)
            return to
        with to.open("wb") as sink:
            self._object.copy_to(sink)
        return to

    @property
    def _bucket(self) -> str:
        return urlsplit(self.uri).netloc

    @property
    def _key(self) -> str:
        return self.uri.removeprefix(f"s3://{self._bucket}").lstrip("/")

    @property
    def _object(self) -> S3Object:
        return S3Object(self._bucket, self._key)


@contextlib.contextmanager
def file_for(folder: StoragePath) -> Iterator[Path]:
    """Yield a path for a new file that will be put into a folder.

    It is on the folder's disk, if the folder is local. The file is removed at the end, unless it was moved.
    """
    if not folder.is_local:
        with tempfile.TemporaryDirectory(prefix="airworthy-") as temporary:
            yield Path(temporary) / "rows.parquet"
        return
    folder.path.mkdir(parents=True, exist_ok=True)
    path = folder.path / unfinished_name()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def unfinished_name() -> str:
    """Return a new name for an unfinished file.

    Maintenance removes files that a killed writer left.
    """
    return f"{_WRITING}{uuid.uuid4().hex}"


def is_unfinished(name: str) -> bool:
    """Return whether a file on disk is unfinished.

    It is being written, or its writer was killed.
    """
    return name.rpartition("/")[2].startswith((_WRITING, _CREATING))


def _create_on_disk(path: Path, content: bytes) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=_CREATING, suffix=".tmp", delete=True) as temporary:
        temporary.write(content)
        temporary.flush()
        os.fsync(temporary.fileno())
        try:
            os.link(temporary.name, path)  # fails if the file exists; a rename would replace it
        except FileExistsError:
            return False
    return True
