"""List the objects of a bucket and copy them to disk, by boto3.

Access is through a Connection of the project.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.connections import Connections
from include.errors import TEXT_SHOWN, AirworthyError, shorten

PART_BYTES = 8 * 1024 * 1024
"""Larger objects are fetched in parallel parts of this size."""
AT_ONCE = 4
LISTED = 10_000
"""Most objects that are listed, unless the caller accepts more."""
_GONE = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
_CHANGED = frozenset({"412", "PreconditionFailed"})
_PASSES = frozenset(
    {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling", "OperationAborted"}
)


class BucketError(AirworthyError):
    """A bucket could not be read; `retryable` if another try may succeed."""

    def __init__(self, bucket: str, conn_id: str, reason: str, *, retryable: bool) -> None:
        self.bucket, self.conn_id, self.reason = bucket, conn_id, reason
        self.retryable = retryable
        way = "Try again later" if retryable else "Correct the bucket, or the Connection's keys, region or endpoint_url"
        super().__init__(f"The bucket {bucket!r} cannot be read with the Connection {conn_id!r}: {reason}. {way}.")


class TooManyObjectsError(AirworthyError):
    """A prefix has more objects than may be listed."""

    def __init__(self, bucket: str, prefix: str, most: int) -> None:
        self.bucket, self.prefix, self.limit = bucket, prefix, most
        super().__init__(
            f"There are more than {most:,} objects under s3://{bucket}/{prefix}; the listing stopped there."
        )


class ObjectChangedError(AirworthyError):
    """An object was replaced or removed while it was read."""

    retryable = True

    def __init__(self, bucket: str, key: str) -> None:
        self.bucket, self.key = bucket, key
        super().__init__(
            f"s3://{bucket}/{key} was replaced or removed while it was read. Nothing was written. Run the task again."
        )


@dataclass(frozen=True)
class ListedObject:
    """An object in the bucket's listing."""

    key: str
    size: int
    """Bytes, as stored."""
    etag: str


@dataclass(frozen=True)
class FetchedObject:
    """An object that was copied to disk."""

    listed: ListedObject
    sha256: str
    """Of the stored bytes."""
    version_id: str | None
    """None if the bucket is not versioned."""


class Bucket:
    """A bucket with one client, which several threads may share."""

    def __init__(self, name: str, conn_id: str, connections: Connections, *, new_client: bool = False) -> None:
        """Use the client of the process, or with `new_client` a new one.

        `new_client` reads the Connection again, for processes that outlive its keys.
        """
        self.name, self.conn_id = name, conn_id
        self._client = connections.s3_client(conn_id, new=new_client)

    def list(self, prefix: str, most: int = LISTED) -> list[ListedObject]:
        """Return the objects whose keys begin with `prefix`, in order of keys.

        Raises:
            BucketError: the bucket could not be read.
            TooManyObjectsError: there are more than `most`; listing stops there.
        """
        contents: list[dict[str, Any]] = []
        with self._translate_errors():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix):
                contents += page.get("Contents", [])
                if len(contents) > most:
                    raise TooManyObjectsError(self.name, prefix, most)
        listed = (ListedObject(entry["Key"], int(entry["Size"]), entry["ETag"].strip('"')) for entry in contents)
        return sorted(listed, key=lambda entry: entry.key)

    def fetch(self, listed: ListedObject, to: Path) -> FetchedObject:
        """Copy an object to disk, large ones in parts, and no more bytes than were listed.

        Raises:
            ObjectChangedError: the object was replaced or removed since it was listed.
        """
        from boto3.s3.transfer import TransferConfig

        # A threshold of 1 makes every object a multipart one: boto3 compares ETags only for parts, and would accept a
        # small object that was replaced during the download.
        transfer = TransferConfig(multipart_threshold=1, multipart_chunksize=PART_BYTES, max_concurrency=AT_ONCE)
        with self._translate_errors(listed.key):
            head = self._client.head_object(Bucket=self.name, Key=listed.key)
            if (head["ETag"].strip('"'), head["ContentLength"]) != (listed.etag, listed.size):
                raise ObjectChangedError(self.name, listed.key)
            version = head.get("VersionId")
            extra = {"VersionId": version} if version else {}
            copied = _Counter(self.name, listed)
            self._client.download_file(
                self.name, listed.key, str(to), ExtraArgs=extra, Config=transfer, Callback=copied
            )
            # boto3 reads the ETag again after our request and does not return it.
            after = self._client.head_object(Bucket=self.name, Key=listed.key, **extra)
        with to.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        etags = {response["ETag"].strip('"') for response in (head, after)}
        if etags != {listed.etag} or to.stat().st_size != listed.size:
            raise ObjectChangedError(self.name, listed.key)
        return FetchedObject(listed, sha256, version)

    @contextmanager
    def _translate_errors(self, key: str = "") -> Iterator[None]:
        """Translate boto3's errors into BucketError or ObjectChangedError."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
        from s3transfer.exceptions import S3DownloadFailedError

        try:
            yield
        except S3DownloadFailedError as error:  # a part has another ETag
            raise ObjectChangedError(self.name, key) from error
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if key and code in _GONE | _CHANGED:
                raise ObjectChangedError(self.name, key) from error
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            passes = status >= 500 or status == 429 or code in _PASSES
            reason = shorten(str(error).rstrip("."), TEXT_SHOWN)
            raise BucketError(self.name, self.conn_id, reason, retryable=passes) from error
        except (BotoCoreError, Boto3Error) as error:
            passes = "Credentials" not in type(error).__name__
            reason = shorten(f"{type(error).__name__}: {error}".rstrip("."), TEXT_SHOWN)
            raise BucketError(self.name, self.conn_id, reason, retryable=passes) from error


class _Counter:
    """Count the bytes that boto3's threads copy; stop above the listed size."""

    def __init__(self, bucket: str, listed: ListedObject) -> None:
        self._bucket, self._listed, self._bytes, self._lock = bucket, listed, 0, threading.Lock()

    def __call__(self, count: int) -> None:
        with self._lock:
            self._bytes += count
        if self._bytes > self._listed.size:
            raise ObjectChangedError(self._bucket, self._listed.key)
