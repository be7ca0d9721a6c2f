"""Read the files of a declared path: on disk, on S3, or where fsspec reaches."""

from __future__ import annotations

import fnmatch
import glob
import hashlib
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from include.declaration.known import ByColumn, ByPath
from include.declaration.period import Period
from include.declaration.sources import Files
from include.errors import AirworthyError, in_words
from include.ingestion.bucket import Bucket, ListedObject
from include.ingestion.read_budget import Budget
from include.ingestion.row_spool import RowSelection, RowSpool
from include.ingestion.sources.base import (
    Context,
    FileInvalidError,
    NotDeliveredError,
    SourceRefusedError,
    SourceUnavailableError,
    window_of,
)
from include.ingestion.sources.kept_rows import LocalCopy, identity_of, keep_rows, selected_rows
from include.untrusted.errors import UntrustedContentError

_EPOCH_PERIOD, _EPOCH = date(1970, 1, 1), datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FileChangedError(AirworthyError):
    """A file was replaced or removed while it was read."""

    retryable = True

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} was replaced or removed while it was read. Nothing was written. Run the task again.")


class FileStore(Protocol):
    """A place of files."""

    def list(self, pattern: str, most: int) -> list[str]:
        """Return the names of the files that match, sorted; at most one more than `most`."""

    def identity(self, name: str) -> str:
        """Return what tells a file's content without reading it; empty if nothing does."""

    @contextmanager
    def opened(self, name: str) -> Iterator[LocalCopy]:
        """Yield a file on disk, which is removed afterwards if it is a copy."""


class FilesReader:
    """The files of a feed: see `FeedReader`."""

    def __init__(self, context: Context, source: Files) -> None:
        self._context, self._source = context, source
        self.inputs: dict[str, str] = {}

    def batches(self, period: Period) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a period.

        They are those of the files that name the period, or those that the declared column selects.
        """
        store, names = self._found(period)
        selection = self._selection(period)
        if selection is not None:
            yield from self._kept(store, names, period, selection)
            return
        for path in self._spooled(store, names, period):
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches()

    def _found(self, period: Period) -> tuple[FileStore, list[str]]:
        """Return the names of the files to read, and where they are."""
        source, context, known = self._source, self._context, self._source.known
        pattern = source.path_of(period - known.delay_periods if isinstance(known, ByPath) else period)
        store = _store_of(context, source, pattern)
        names = store.list(pattern, source.max_files)
        if not names and not (isinstance(known, ByPath) and period in context.feed.missing_periods):
            raise NotDeliveredError(context, period, pattern, "there is no file")
        if len(names) > source.max_files:
            reason = f"there are more than max_files={source.max_files:,} files"
            raise FileInvalidError(*context.names, period, pattern, reason)
        return store, names

    def _kept(
        self, store: FileStore, names: list[str], period: Period, selection: RowSelection
    ) -> Iterator[pa.RecordBatch]:
        """Yield the selected rows of the files' kept copies, which are made if missing."""
        source, total = self._source, Budget(self._source.max_bytes, self._source.max_rows)
        for name in names:
            opened = partial(store.opened, name)
            try:
                kept, file = keep_rows(self._context, source, selection, name, store.identity(name), opened)
                total.take_bytes(kept.bytes)
                total.take_rows([], kept.rows)
            except UntrustedContentError as error:
                raise FileInvalidError(*self._context.names, period, name, error.reason) from error
            self.inputs[name] = f"sha256-{kept.sha256}"
            with file:
                yield from selected_rows(file, selection, self._context.schema)

    def _spooled(self, store: FileStore, names: list[str], period: Period) -> list[Path]:
        """Read whole files in a process of their own.

        Return the Parquet files with their rows.
        """
        source, context = self._source, self._context
        path = context.folder / "files.parquet"
        with RowSpool(path, context.schema, source, ignored=source.ignored_columns) as spool:
            for name in names:
                with store.opened(name) as copy:
                    try:
                        spool.append(copy.path, name)
                    except UntrustedContentError as error:
                        raise FileInvalidError(*context.names, period, name, error.reason) from error
                    self.inputs[name] = f"sha256-{copy.sha256}"
            return spool.finish()

    def _selection(self, period: Period) -> RowSelection | None:
        known = self._source.known
        if not isinstance(known, ByColumn):
            return None
        window = window_of(period, known.delay_periods, self._context.project.use_case)
        if self._context.feed.columns.get(known.column, "date32") == "date32":
            first, end = window.period.start_date, window.next_period.start_date
            return RowSelection(known.column, (first - _EPOCH_PERIOD).days, (end - _EPOCH_PERIOD).days)
        start, until = ((instant - _EPOCH) // _MICROSECOND for instant in (window.start, window.end))
        return RowSelection(known.column, start, until)


def _store_of(context: Context, source: Files, pattern: str) -> FileStore:
    scheme = urlsplit(pattern).scheme if "://" in pattern else ""
    if scheme in ("", "file"):
        return DiskFiles(context)
    if scheme == "s3":
        name = urlsplit(pattern).netloc
        return BucketFiles(context, Bucket(name, source.conn_id, context.project.connections))
    return RemoteFiles(context, source.conn_id)


class DiskFiles:
    """Files on disk, which are read in place."""

    def __init__(self, context: Context) -> None:
        self._context = context
        package = importlib.import_module(context.project.use_case.package)
        self._folder = Path(package.__file__ or "").parent

    def list(self, pattern: str, most: int) -> list[str]:
        """Return the paths of the files that match, sorted."""
        path = self._folder / Path(pattern.removeprefix("file://")).expanduser()
        found = (Path(name) for name in glob.iglob(str(path), recursive=True))  # noqa: PTH207  # a pattern that begins at the root
        names = sorted(str(file) for file in found if file.is_file() and not _is_hidden(file.name))
        return names[: most + 1]

    def identity(self, name: str) -> str:
        """Return the file's size and times; see `FileStore`."""
        try:
            return identity_of(Path(name))
        except FileNotFoundError as error:
            raise FileChangedError(name) from error

    @contextmanager
    def opened(self, name: str) -> Iterator[LocalCopy]:
        """Yield the file itself.

        Raises:
            FileChangedError: the file was changed meanwhile.
        """
        path = Path(name)
        try:
            before = path.stat()
            with path.open("rb") as file:
                copy = LocalCopy(path, hashlib.file_digest(file, "sha256").hexdigest())
            yield copy
            after = path.stat()
        except FileNotFoundError as error:
            raise FileChangedError(name) from error
        except PermissionError as error:
            remedy = "Give the user of Airflow's workers the right to read it."
            raise SourceRefusedError(*self._context.names, name, in_words(error), remedy) from error
        if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
            raise FileChangedError(name)


class BucketFiles:
    """Objects on S3, each copied to disk while it is read."""

    def __init__(self, context: Context, bucket: Bucket) -> None:
        self._context, self._bucket = context, bucket
        self._listed: dict[str, ListedObject] = {}

    def list(self, pattern: str, most: int) -> list[str]:
        """Return the addresses of the objects that match, sorted."""
        key = pattern.removeprefix(f"s3://{self._bucket.name}/")
        prefix = key[: min((key.index(mark) for mark in "*?[" if mark in key), default=len(key))]
        for listed in self._bucket.list(prefix, max(most, 1)):
            if fnmatch.fnmatchcase(listed.key, key) and not _is_hidden(listed.key.rpartition("/")[2]):
                self._listed[f"s3://{self._bucket.name}/{listed.key}"] = listed
        return sorted(self._listed)

    def identity(self, name: str) -> str:
        """Return the object's size and tag; see `FileStore`."""
        return f"{self._listed[name].size}-{self._listed[name].etag}"

    @contextmanager
    def opened(self, name: str) -> Iterator[LocalCopy]:
        """Yield a copy of the object."""
        path = self._context.folder / "object"
        fetched = self._bucket.fetch(self._listed[name], path)
        yield LocalCopy(path, fetched.sha256)
        path.unlink()


class RemoteFiles:
    """Files that fsspec opens, such as those of Azure, Google Cloud or SFTP.

    Each is copied to disk while it is read.
    """

    def __init__(self, context: Context, conn_id: str) -> None:
        self._context, self._conn_id = context, conn_id
        self._systems: dict[str, Any] = {}

    def list(self, pattern: str, most: int) -> list[str]:
        """Return the addresses of the files that match, sorted."""
        with self._translated(pattern):
            system, path = self._system(pattern)
            found = system.glob(path) if glob.has_magic(path) else [path] if system.exists(path) else []
            names = [system.unstrip_protocol(name) for name in found if not _is_hidden(name.rpartition("/")[2])]
        self._systems |= dict.fromkeys(names, system)
        return sorted(names)[: most + 1]

    def identity(self, name: str) -> str:  # nothing that every such place has
        """Return an empty text: the file is copied to tell its content; see `FileStore`."""
        return ""

    @contextmanager
    def opened(self, name: str) -> Iterator[LocalCopy]:
        """Yield a copy of the file."""
        path = self._context.folder / "file"
        with self._translated(name):
            self._systems[name].get_file(name, str(path))
        with path.open("rb") as file:
            copy = LocalCopy(path, hashlib.file_digest(file, "sha256").hexdigest())
        yield copy
        path.unlink()

    def _system(self, address: str) -> tuple[Any, str]:
        import fsspec

        options: dict[str, Any] = {}
        if self._conn_id != Files.conn_id:
            options = dict(self._context.project.connections.connection(self._conn_id).extra)
        system, path = fsspec.core.url_to_fs(address, **options)
        return system, path

    @contextmanager
    def _translated(self, where: str) -> Iterator[None]:
        """Raise errors of fsspec as errors of the source."""
        names = self._context.names
        try:
            yield
        except FileNotFoundError as error:
            raise FileChangedError(where) from error
        except (ImportError, ValueError, TypeError, PermissionError) as error:
            remedy = "Correct the path or the Connection, or install the library that fsspec names."
            raise SourceRefusedError(*names, where, in_words(error), remedy) from error
        except OSError as error:
            raise SourceUnavailableError(*names, where, in_words(error)) from error


def _is_hidden(name: str) -> bool:
    return name.startswith(("_", "."))
