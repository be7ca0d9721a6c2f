"""Places: where files are, a folder on disk or an address `s3://bucket/prefix`; what can be done there is the same.

A file is always whole: made or replaced in one step, or not at all. What the server of an S3 place refuses is raised
as s3.StoreFailed, by each of its methods.
"""

from __future__ import annotations

import io
import mimetypes
import os
import random
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import IO, ParamSpec, TypeVar
from urllib.parse import urlsplit

from include.errors import InvalidRequestError
from include.lake import s3

_TAKEN, _AT_ONCE = "PreconditionFailed", "ConditionalRequestConflict"
_ATTEMPTS = 5
"""Tries at one conditional write while others write the same name at the same moment."""
_PAUSE = 0.2
"""Seconds of the first pause between them, at most; each is twice the last."""
_WRITER = "airworthy-writer"
_WRITING, _CREATING = ".writing-", ".creating-"
"""Begin the names on disk of what is not whole yet."""
_MISSING = ("NoSuchKey", "404")
_ONE_REQUEST = 256 * 2**20
"""Bytes of a file up to which it is uploaded in one request."""
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class InvalidStoragePathError(InvalidRequestError):
    """A name that would lead out of the place that it is looked for in."""

    def __init__(self, root: str, name: str) -> None:
        super().__init__(
            f"{name!r} is no name of anything in {root}. A name has no '..', no empty part, no backslash and no control"
            " character, and does not begin with '/'."
        )


def _told(method: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """That method of a Place, which says what the server of an S3 place refuses."""

    @wraps(method)
    def telling(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        with s3.translate_s3_errors(str(args[0])):
            return method(*args, **kwargs)

    return telling


@dataclass(frozen=True)
class StoragePath:
    """A file or folder, there or not."""

    uri: str
    """An absolute path, or `s3://bucket/key`; no slash at its end."""

    @classmethod
    def parse(cls, where: str | Path) -> StoragePath:
        """The place of that path or address. InvalidRequestError for an address that is not S3's, or has no bucket."""
        text = str(where)
        if "://" not in text:
            return cls(str(Path(text).expanduser().resolve()))
        parts = urlsplit(text)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise InvalidRequestError(f"{text!r} is no place for files: name a folder, or s3://bucket/prefix.")
        return cls(text.rstrip("/"))

    def __str__(self) -> str:
        return self.uri

    def __truediv__(self, name: str) -> StoragePath:
        """A place within this one. Raises InvalidStoragePathError for a name that leads elsewhere."""
        parts = name.split("/")
        if "\\" in name or any(part in ("", ".", "..") for part in parts) or any(ord(letter) < 32 for letter in name):
            raise InvalidStoragePathError(self.uri, name)
        return StoragePath(f"{self.uri}/{name}")

    @property
    def is_local(self) -> bool:
        return not self.uri.startswith(s3.SCHEME)

    @property
    def path(self) -> Path:
        """The path of a place on disk."""
        assert self.is_local, self.uri
        return Path(self.uri)

    @property
    def name(self) -> str:
        return self.uri.rpartition("/")[2]

    @_told
    def read(self) -> bytes:
        """The file's content. FileNotFoundError where there is none."""
        if self.is_local:
            return self.path.read_bytes()
        content = io.BytesIO()
        self._stream(content)
        return content.getvalue()

    @_told
    def size(self) -> int:
        """Return the bytes of the file. FileNotFoundError where there is none, or no regular file."""
        if self.is_local:
            found = self.path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError(self.uri)
            return found.st_size
        try:
            return int(s3.client().head_object(**self._object())["ContentLength"])
        except s3.client().exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise FileNotFoundError(self.uri) from None
            raise

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """The content of those files in this folder, in their order. FileNotFoundError where one is missing."""
        places = [self / name for name in names]
        return [place.read() for place in places] if self.is_local else s3.map_concurrently(StoragePath.read, places)

    @_told
    def exists(self) -> bool:
        """Whether there is such a file, or anything in such a folder."""
        if self.is_local:
            return self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir()))
        found = s3.client().list_objects_v2(Bucket=self._bucket, Prefix=self._key, MaxKeys=1)
        if any(each["Key"] == self._key for each in found.get("Contents", [])):
            return True
        inside = s3.client().list_objects_v2(
            Bucket=self._bucket, Prefix=f"{self._key}/" if self._key else "", MaxKeys=1
        )
        return bool(inside.get("KeyCount"))

    @_told
    def names(self, beginning: str = "") -> list[str]:
        """The names of the files and folders directly in this folder, sorted, all or those that begin with that text;
        none where there is no such folder. On S3 no others are listed."""
        if self.is_local:
            try:
                return sorted(path.name for path in self.path.iterdir() if path.name.startswith(beginning))
            except FileNotFoundError:
                return []
        prefix = f"{self._key}/" if self._key else ""
        pages = s3.client().get_paginator("list_objects_v2")
        asked = pages.paginate(Bucket=self._bucket, Prefix=prefix + beginning, Delimiter="/")
        found = set[str]()
        for page in asked:
            found |= {each["Key"].removeprefix(prefix) for each in page.get("Contents", [])}
            found |= {each["Prefix"].removeprefix(prefix).rstrip("/") for each in page.get("CommonPrefixes", [])}
        return sorted(found - {""})

    @_told
    def create(self, content: bytes) -> bool:
        """Make the file with all of its content, unless it is there already; whether it was made by this call."""
        return _created_on_disk(self.path, content) if self.is_local else self._created_on_s3(content)

    @_told
    def write(self, content: bytes) -> None:
        """Make the file, or replace it, in one step."""
        if not self.is_local:
            kind = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
            s3.client().put_object(**self._object(), Body=content, ContentType=kind)
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

    @_told
    def put(self, file: Path) -> None:
        """Move a file on disk to this place, or replace the one that is there, in one step."""
        if self.is_local:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file.replace(self.path)
            return
        from boto3.s3.transfer import TransferConfig

        one_request = TransferConfig(multipart_threshold=_ONE_REQUEST, use_threads=False)
        s3.client().upload_file(str(file), self._bucket, self._key, Config=one_request)
        file.unlink()

    @_told
    def remove(self) -> None:
        """Remove the file; nothing is done where there is none."""
        if self.is_local:
            self.path.unlink(missing_ok=True)
        else:
            s3.client().delete_object(**self._object())

    @_told
    def fetch(self, to: Path) -> Path:
        """Copy the file to that path on disk, a piece at a time. FileNotFoundError where there is none."""
        to.parent.mkdir(parents=True, exist_ok=True)
        if self.is_local:
            shutil.copyfile(self.path, to)
            return to
        with to.open("wb") as sink:
            self._stream(sink)
        return to

    @property
    def _bucket(self) -> str:
        return urlsplit(self.uri).netloc

    @property
    def _key(self) -> str:
        return self.uri.removeprefix(f"s3://{self._bucket}").lstrip("/")

    def _object(self) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._key}

    def _stream(self, sink: IO[bytes]) -> None:
        """Copy an S3 object into the sink; begun anew where the connection breaks while it comes, which boto3's own
        tries do not cover. A part of it is never taken for the whole: its length is told beforehand."""
        from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError
        from urllib3.exceptions import ProtocolError

        # The last: of an answer that there is no such object, boto3 hands on what cut it short as it is.
        broken = (HTTPClientError, IncompleteReadError, ResponseStreamingError, ProtocolError)
        for attempt in range(_ATTEMPTS):
            sink.seek(0)
            sink.truncate()
            try:
                shutil.copyfileobj(s3.client().get_object(**self._object())["Body"], sink, 1 << 20)
            except s3.client().exceptions.ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    raise FileNotFoundError(self.uri) from None
                raise
            except broken:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _created_on_s3(self, content: bytes) -> bool:
        """By a conditional write. An answer that got lost is asked for again, and then finds its own file: the name
        of the writer, kept with it, tells."""
        client, writer = s3.client(), uuid.uuid4().hex
        for attempt in range(_ATTEMPTS):
            try:
                client.put_object(**self._object(), Body=content, IfNoneMatch="*", Metadata={_WRITER: writer})
            except client.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                if code == _TAKEN:
                    return self._writer() == writer
                if code != _AT_ONCE or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0.5, 1) * _PAUSE * 2**attempt)  # noqa: S311  # nosec B311  # no secret hangs on it
            else:
                return True
        raise AssertionError("unreachable")

    def _writer(self) -> str | None:
        """The name of the writer of an S3 object; None where nobody says, or it has been removed meanwhile."""
        client = s3.client()
        try:
            name: str | None = client.head_object(**self._object())["Metadata"].get(_WRITER)
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return name


def unfinished_name() -> str:
    """Return a new name for a file that is being written; maintenance removes what a killed writer left."""
    return f"{_WRITING}{uuid.uuid4().hex}"


def is_unfinished(name: str) -> bool:
    """Whether a file on disk is not whole yet: it is being written, or whoever wrote it was killed."""
    return name.rpartition("/")[2].startswith((_WRITING, _CREATING))


def _created_on_disk(path: Path, content: bytes) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=_CREATING, suffix=".tmp", delete=True) as temporary:
        temporary.write(content)
        temporary.flush()
        os.fsync(temporary.fileno())
        try:
            os.link(temporary.name, path)  # fails where the name is taken: a rename would replace it
        except FileExistsError:
            return False
    return True
