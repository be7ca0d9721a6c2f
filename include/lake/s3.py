"""S3: how a server of that protocol is reached, by boto3 and by deltalake alike, and what its refusals mean.

The environment alone says where it is and who asks: AWS_ENDPOINT_URL (none: Amazon's own), AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from include import settings
from include.errors import AirworthyError
from include.lake import s3_retries

Item = TypeVar("Item")
Found = TypeVar("Found")
SCHEME = "s3://"
CUTS = 5
"""Times that a question is asked whose answer is cut off."""
AT_ONCE = 8
"""Files that are asked for at the same time."""

_UNREACHABLE = (
    *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
    *("ProxyConnectionError", "error sending request", "tcp connect error", "dns error", "operation timed out"),
)
_CUT = (
    *("IncompleteRead", "ResponseStreamingError", "request or response body error", "Connection reset by peer"),
    *("connection closed before message completed", "end of file before message length reached"),
)
_BUSY = (
    *("InternalError", "InternalServerError", "ServiceUnavailable", "SlowDown", "Throttling", "TooManyRequests"),
    "ConditionalRequestConflict",
    *(
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "503 Slow Down",
    ),
)
_REFUSED = (
    *("AccessDenied", "403 Forbidden", "401 Unauthorized", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("AllAccessDisabled", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"),
)
_NOBODY = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialsNotLoaded",
    "CredentialsError",
    "169.254.169.254",
)
_NO_CONDITIONS = ("NotImplemented", "501 Not Implemented")


class ObjectStoreError(AirworthyError):
    """A place on S3 cannot be read or written, for a reason that lies with the server or the settings."""

    def __init__(self, uri: str, reason: str, *, retryable: bool = False) -> None:
        self.retryable = retryable
        super().__init__(f"{uri}: {reason}")


class ConnectionLostError(ObjectStoreError):
    """The connection broke while an answer came: neither boto3's nor deltalake's own tries cover that."""

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason, retryable=True)


def storage_options(uri: str) -> dict[str, str] | None:
    """deltalake's storage options for that place; None for one on disk.

    Commits are conditional puts, so that of two writers of one version one loses and looks again. That is the default
    of deltalake 1.6 (object_store 0.13), and said all the same: without it racing writers overwrite each other.
    """
    if not uri.startswith(SCHEME):
        return None
    found = {
        "conditional_put": "etag",
        "aws_region": _region(),
        "max_retries": str(s3_retries.RETRIES),
        "retry_timeout": "180s",
        "backoff_config.init_backoff": s3_retries.FIRST_PAUSE,
        "backoff_config.max_backoff": s3_retries.LONGEST_PAUSE,
        "connect_timeout": "10s",
        "timeout": "300s",
    }
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        found |= {"aws_endpoint_url": endpoint, "aws_allow_http": str(endpoint.startswith("http://")).lower()}
    return found


def client() -> Any:
    """A boto3 client of this process: one that was made before a fork may hang after it."""
    env = os.environ
    actor = tuple(env.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    return _client(os.getpid(), env.get("AWS_ENDPOINT_URL") or None, _region(), hash(actor))


@functools.lru_cache(maxsize=4)
def _client(process: int, endpoint: str | None, region: str, actor: int) -> Any:  # noqa: ARG001  # keys of the cache
    import boto3

    # A session of its own: the default one is not safe among threads.
    return boto3.session.Session().client(
        "s3", config=s3_retries.patient_config(), endpoint_url=endpoint, region_name=region
    )


def _region() -> str:
    """The region; servers other than Amazon's want some name, and take any."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def map_concurrently(function: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """What the function answers for each item, in their order, several asked at once: most of the time is waiting."""
    waiting = list(items)
    if len(waiting) < 2:
        return [function(each) for each in waiting]
    with ThreadPoolExecutor(min(AT_ONCE, len(waiting))) as pool:
        return list(pool.map(function, waiting))


@contextmanager
def translate_s3_errors(uri: str) -> Iterator[None]:
    """What the server of a place refuses, raised as ObjectStoreError with the setting to change; all else as it is."""
    try:
        yield
    except Exception as error:
        if isinstance(error, AirworthyError) or not uri.startswith(SCHEME):
            raise
        if found := _failure(uri, error):
            raise found from error
        raise


def retry_cut_connection(uri: str, ask: Callable[[], Found]) -> Found:
    """What it answers, asked again where the connection is cut meanwhile; else as `told`. For what can be repeated."""
    for attempt in range(CUTS):
        try:
            with translate_s3_errors(uri):
                return ask()
        except ConnectionLostError:
            if attempt == CUTS - 1:
                raise
    raise AssertionError("unreachable")


def _failure(uri: str, error: Exception) -> ObjectStoreError | None:
    """What an error of boto3 or deltalake means; None where it is not about the server or the settings."""
    said = f"{type(error).__name__} {error}"
    bucket, endpoint = uri.removeprefix(SCHEME).partition("/")[0], os.environ.get("AWS_ENDPOINT_URL")
    server = settings.shown_address(endpoint) or "the server" if endpoint else "Amazon S3"

    def names(words: Iterable[str]) -> bool:
        return any(word in said for word in words)

    if "NoSuchBucket" in said:
        reason = f"there is no bucket {bucket!r} at {server}. Make it, or change the place ({_settings(uri)})"
        return ObjectStoreError(uri, f"{reason} or the server (AWS_ENDPOINT_URL).")
    if names(_NOBODY):
        return ObjectStoreError(uri, "no credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    if names(_REFUSED):
        reason = (
            f"{server} refuses it ({_first(said, _REFUSED)}). AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be those"
        )
        return ObjectStoreError(
            uri, f"{reason} of somebody who may list the bucket {bucket!r} and read, write and delete in it."
        )
    if names(_NO_CONDITIONS):
        reason = f"{server} knows no conditional writes, without which racing writers overwrite each other."
        return ObjectStoreError(uri, f"{reason} Use a server that does (AWS_ENDPOINT_URL); docs/s3.md names some.")
    if names(_CUT):
        return ConnectionLostError(
            uri, f"the connection to {server} was cut in the middle of an answer. Run the task again."
        )
    if names(_UNREACHABLE):
        reason = f"{server} cannot be reached. If it is not merely starting, AWS_ENDPOINT_URL names the wrong server."
        return ObjectStoreError(uri, reason, retryable=True)
    if names(_BUSY):
        tries = s3_retries.RETRIES + 1
        reason = f"{server} failed {tries} times ({_first(said, _BUSY)}). Look at it; then run the task again."
        return ObjectStoreError(uri, reason, retryable=True)
    return None


def _first(text: str, words: Iterable[str]) -> str:
    return next(word for word in words if word in text)


def _settings(uri: str) -> str:
    """The variables that name the place; all that may, where none does."""
    names = ("AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS", "AIRWORTHY_MLFLOW_ARTIFACTS")
    found = [name for name in names if (value := os.environ.get(name)) and uri.startswith(value.rstrip("/"))]
    return ", ".join(found or names[:2])
