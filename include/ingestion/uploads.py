"""Read files from the inbox, the only folder whose files a form can name."""

from __future__ import annotations

import re

from include.declaration import form_limits
from include.errors import InvalidRequestError, shorten_names
from include.lake.object_store import StoragePath
from include.project import Project

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(csv|parquet)")

FILE_BYTES = 100_000_000
"""Largest file of corrections, as stored."""


def upload_folder(project: Project) -> StoragePath:
    """Return the folder for a use case's uploaded files: `<lake>/<use case>/inbox`."""
    return project.root / "inbox"


def read_upload(project: Project, name: str) -> bytes:
    """Return the content of the file of that name.

    Raises:
        InvalidRequestError: the name is not a plain file name, the file does not exist, or it exceeds FILE_BYTES.
    """
    form_limits.require_name("file", name)
    place = upload_folder(project)
    if not NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name!r} is not a valid name of a file in the inbox: letters, digits, '.', '_' and '-', then .csv or"
            f" .parquet, and no folder. Put the file into {place} and give only its name."
        )
    try:
        require_size(name, (place / name).size())
        return (place / name).read()
    except (FileNotFoundError, IsADirectoryError):
        existing = shorten_names(other for other in place.names() if NAME.fullmatch(other))
        raise InvalidRequestError(
            f"There is no file {name!r} in {place}; it contains {existing}. Upload the file first."
        ) from None


def require_size(name: str, size: int) -> None:
    """Check the size of a file of corrections before it is read.

    Raises:
        InvalidRequestError: the file exceeds FILE_BYTES.
    """
    if size > FILE_BYTES:
        raise InvalidRequestError(
            f"{name} has {size:,} bytes, and a file of corrections has at most {FILE_BYTES:,}. Nothing was resubmitted."
            " Send the rows in several files."
        )
