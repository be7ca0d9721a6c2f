"""Connect to an S3 server with boto3 and deltalake, and translate its errors.

Server and credentials come from the environment alone: AWS_ENDPOINT_URL (default: Amazon S3), AWS_ACCESS_KEY_ID,
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
Result = TypeVar("Result")
SCHEME = "s3://"
CUT_ATTEMPTS = 5
"""Attempts at an operation whose connection is lost."""
CONCURRENT_REQUESTS = 8
"""Files that are requested at the same time."""

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
_NO_CREDENTIALS = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialsNotLoaded",
    "CredentialsError",
    "169.254.169.254",
)
_NO_CONDITIONS = ("NotImplemented", "501 Not Implemented")


class ObjectStoreError(AirworthyError):
    """A file on S3 cannot be read or written, because of the server or the settings."""

    def __init__(self, uri: str, reason: str, *, retryable: bool = False) -> None:
        self.uri, self.reason = uri, reason
        self.retryable = retryable
        super().__init__(f"{uri}: {reason}")


class ConnectionLostError(ObjectStoreError):
    """The connection broke during an answer.

    Neither boto3 nor deltalake retries that.
    """

    def __init__(self, uri: str, reason: str) -> None:
        super().__init__(uri, reason, retryable=True)


def storage_options(uri: str) -> dict[str, str] | None:
    """Return deltalake's storage options for an address; None for a path on disk.

    Commits are conditional puts, so of two writers of one version one fails and retries. This is the default of
    deltalake 1.6 (object_store 0.13), but is set explicitly: without it concurrent writers overwrite each other.
    """
    if not uri.startswith(SCHEME):
        return None
    options = {
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
        options |= {"aws_endpoint_url": endpoint, "aws_allow_http": str(endpoint.startswith("http://")).lower()}
    return options


def client() -> Any:
    """Return a boto3 client of this process.

    A client created before a fork may hang after it.
    """
    env = os.environ
    credentials = tuple(env.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    return _client(os.getpid(), env.get("AWS_ENDPOINT_URL") or None, _region(), hash(credentials))


@functools.lru_cache(maxsize=4)
def _client(_process: int, endpoint: str | None, region: str, _credentials: int) -> Any:
    """Return a client, cached for each process and credentials."""
    import boto3

    # A separate session: the default one is not thread-safe.
    return boto3.session.Session().client(
        "s3", config=s3_retries.patient_config(), endpoint_url=endpoint, region_name=region
    )


def _region() -> str:
    """Return the region; servers other than Amazon's require a name and accept any."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def map_concurrently(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return the function's result for each item, in order, with several threads.

    Most of the time is spent waiting for the server.
    """
    arguments = list(items)
    if len(arguments) < 2:
        return [function(argument) for argument in arguments]
    with ThreadPoolExecutor(min(CONCURRENT_REQUESTS, len(arguments))) as pool:
        return list(pool.map(function, arguments))


@contextmanager
def translate_s3_errors(uri: str) -> Iterator[None]:
    """Raise errors of the S3 server as ObjectStoreError with the setting to change.

    Other errors are raised unchanged.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, AirworthyError) or not uri.startswith(SCHEME):
            raise
        if translated := _translate_error(uri, error):
            raise translated from error
        raise


def retry_cut_connection(uri: str, operation: Callable[[], Result]) -> Result:
    """Return the result of a repeatable operation.

    The operation is repeated if the connection is lost. Other errors are raised as by `translate_s3_errors`.
    """
    for attempt in range(CUT_ATTEMPTS):
        try:
            with translate_s3_errors(uri):
                return operation()
        except ConnectionLostError:
            if attempt == CUT_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _translate_error(uri: str, error: Exception) -> ObjectStoreError | None:
    """Return our error for one of boto3 or deltalake.

    Returns None if server and settings are not its cause.
    """
    text = f"{type(error).__name__} {error}"
    bucket, endpoint = uri.removeprefix(SCHEME).partition("/")[0], os.environ.get("AWS_ENDPOINT_URL")
    server = settings.shown_address(endpoint) or "the server" if endpoint else "Amazon S3"

    def has_any(words: Iterable[str]) -> bool:
        return any(word in text for word in words)

    if "NoSuchBucket" in text:
        reason = f"there is no bucket {bucket!r} at {server}. Create it, or change the address ({_setting_names(uri)})"
        return ObjectStoreError(uri, f"{reason} or the server (AWS_ENDPOINT_URL).")
    if has_any(_NO_CREDENTIALS):
        return ObjectStoreError(uri, "no credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    if has_any(_REFUSED):
        reason = f"{server} refuses it ({_first(text, _REFUSED)}). AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be"
        return ObjectStoreError(
            uri,
            f"{reason} those of an account that may list the bucket {bucket!r} and read, write and delete in it.",
        )
    if has_any(_NO_CONDITIONS):
        reason = f"{server} does not support conditional writes, without which concurrent writers overwrite each other."
        return ObjectStoreError(uri, f"{reason} Use a server that does (AWS_ENDPOINT_URL); docs/s3.md lists some.")
    if has_any(_CUT):
        return ConnectionLostError(uri, f"the connection to {server} was lost during an answer. Run the task again.")
    if has_any(_UNREACHABLE):
        reason = f"{server} cannot be reached. Unless it is just starting, AWS_ENDPOINT_URL names the wrong server."
        return ObjectStoreError(uri, reason, retryable=True)
    if has_any(_BUSY):
        tries = s3_retries.RETRIES + 1
        reason = f"{server} failed {tries} times ({_first(text, _BUSY)}). Check the server; then run the task again."
        return ObjectStoreError(uri, reason, retryable=True)
    return None


def _first(text: str, words: Iterable[str]) -> str:
    return next(word for word in words if word in text)


def _setting_names(uri: str) -> str:
    """Return the variables that set this address.

    Returns the first two possible variables if none does.
    """
    names = ("AIRWORTHY_LAKE", "AIRWORTHY_DATA_DOCS", "AIRWORTHY_MLFLOW_ARTIFACTS")
    matching = [name for name in names if (value := os.environ.get(name)) and uri.startswith(value.rstrip("/"))]
    return ", ".join(matching or names[:2])
