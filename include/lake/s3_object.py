"""Read and write one object of a bucket on S3."""

from __future__ import annotations

import mimetypes
import random
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from include.lake import s3, s3_traffic

_EXISTS, _CONFLICT = "PreconditionFailed", "ConditionalRequestConflict"
_ATTEMPTS = 5
"""Attempts at one conditional write while other processes write the same name."""
_PAUSE = 0.2
"""Longest first pause between attempts, in seconds; it doubles with each attempt."""
_RANDOM = random.SystemRandom()
_WRITER = "airworthy-writer"
_MISSING = ("NoSuchKey", "404")
_ONE_REQUEST = 256 * 2**20
"""Largest file that is uploaded in one request, in bytes."""


@dataclass(frozen=True)
class S3Object:
    """An object of a bucket, which need not exist.

    Errors are those of boto3, see `s3.translate_s3_errors`.
    """

    bucket: str
    key: str

    @property
    def _address(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}

    def size(self) -> int:
        """Return the size of the object in bytes.

        Raises:
            FileNotFoundError: there is no such object.
        """
        try:
            return int(s3.client().head_object(**self._address)["ContentLength"])
        except s3.client().exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                raise self._missing_error() from None
            raise

    def replace(self, content: bytes) -> None:
        """Create or replace the object, with the content type of its name."""
        kind = mimetypes.guess_type(self.key.rpartition("/")[2])[0] or "application/octet-stream"
        s3.client().put_object(**self._address, Body=content, ContentType=kind)
        s3_traffic.count_upload(len(content))

    def upload(self, file: Path) -> None:
        """Create or replace the object by the content of a file on disk."""
        from boto3.s3.transfer import TransferConfig

        one_request = TransferConfig(multipart_threshold=_ONE_REQUEST, use_threads=False)
        s3.client().upload_file(str(file), self.bucket, self.key, Config=one_request)
        s3_traffic.count_upload(file.stat().st_size)

    def remove(self) -> None:
        """Remove the object if it exists."""
        s3.client().delete_object(**self._address)

    def copy_to(self, sink: IO[bytes]) -> None:
        """Copy the object into the sink; start again if the connection breaks.

        The retries of boto3 do not cover a connection that breaks during the answer. A truncated object is detected:
        the server sends its length first.
        """
        from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError
        from urllib3.exceptions import ProtocolError

        # ProtocolError: boto3 does not translate it if the answer that there is no such object is cut short.
        broken = (HTTPClientError, IncompleteReadError, ResponseStreamingError, ProtocolError)
        for attempt in range(_ATTEMPTS):
            sink.seek(0)
            sink.truncate()
            try:
                shutil.copyfileobj(s3.client().get_object(**self._address)["Body"], sink, 1 << 20)
            except s3.client().exceptions.ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    raise self._missing_error() from None
                raise
            except broken:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                s3_traffic.count_download(sink.tell())
                return

    def create(self, content: bytes) -> bool:
        """Create the object by a conditional write unless it exists.

        Returns whether this call created it. If an answer is lost, the retry finds the object of this call and
        recognises it by the stored writer id.
        """
        client, writer = s3.client(), uuid.uuid4().hex
        for attempt in range(_ATTEMPTS):
            try:
                client.put_object(**self._address, Body=content, IfNoneMatch="*", Metadata={_WRITER: writer})
            except client.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                if code == _EXISTS:
                    return self._writer() == writer
                if code != _CONFLICT or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_RANDOM.uniform(0.5, 1) * _PAUSE * 2**attempt)
            else:
                s3_traffic.count_upload(len(content))
                return True
        raise AssertionError("unreachable")

    def _writer(self) -> str | None:
        """Return the writer id of the object.

        Returns None if it has none or was removed meanwhile.
        """
        client = s3.client()
        try:
            writer: str | None = client.head_object(**self._address)["Metadata"].get(_WRITER)
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return writer

    def _missing_error(self) -> FileNotFoundError:
        return FileNotFoundError(f"{s3.SCHEME}{self.bucket}/{self.key}")
