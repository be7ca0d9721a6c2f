"""Read files from the inbox, the only folder whose files a form can name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from include.declaration import form_limits
from include.errors import InvalidRequestError, shorten_names
from include.lake.object_store import StoragePath
from include.project import DataProject

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(csv|parquet)")

FILE_BYTES = 100_000_000
"""Largest file of corrections, as stored."""


class UploadNameError(InvalidRequestError):
    """A form names something other than a file of the inbox."""

    def __init__(self, name: str, place: StoragePath) -> None:
        self.name, self.place = name, place
        super().__init__(
            f"{name!r} is not a valid name of a file in the inbox: letters, digits, '.', '_' and '-', then .csv or"
            f" .parquet, and no folder. Put the file into {place} and give only its name."
        )


class UploadMissingError(InvalidRequestError):
    """The inbox has no file of that name."""

    def __init__(self, name: str, place: StoragePath, present: Iterable[str]) -> None:
        self.name, self.place, self.present = name, place, tuple(present)
        super().__init__(
            f"There is no file {name!r} in {place}; it contains {shorten_names(self.present)}. Upload the file first."
        )


class UploadTooLargeError(InvalidRequestError):
    """A file of corrections is too large to be read."""

    def __init__(self, name: str, size: int, most: int) -> None:
        self.name, self.size, self.most = name, size, most
        super().__init__(
            f"{name} has {size:,} bytes, and a file of corrections has at most {most:,}. Nothing was resubmitted. Send"
            " the rows in several files."
        )


def upload_folder(project: DataProject) -> StoragePath:
    """Return the folder for a use case's uploaded files: `<lake>/<use case>/inbox`."""
    return project.root / "inbox"


def read_upload(project: DataProject, name: str) -> bytes:
    """Return the content of the file of that name.

    Raises:
        UploadNameError: the name is not a plain file name.
        UploadMissingError: the file does not exist.
        UploadTooLargeError: the file exceeds FILE_BYTES.
    """
    form_limits.require_name("file", name)
    place = upload_folder(project)
    if not NAME.fullmatch(name):
        raise UploadNameError(name, place)
    try:
        require_size(name, (place / name).size())
        return (place / name).read()
    except (FileNotFoundError, IsADirectoryError):
        raise UploadMissingError(name, place, filter(NAME.fullmatch, place.names())) from None


def require_size(name: str, size: int) -> None:
    """Check the size of a file of corrections before it is read.

    Raises:
        UploadTooLargeError: the file exceeds FILE_BYTES.
    """
    if size > FILE_BYTES:
        raise UploadTooLargeError(name, size, FILE_BYTES)
