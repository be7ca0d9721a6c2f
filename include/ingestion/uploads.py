"""The inbox: where an operator puts a file that a form then names. A form never names any other place."""

from __future__ import annotations

import re

from include import settings
from include.declaration import form_limits
from include.declaration.use_case import UseCase
from include.errors import InvalidRequestError, shorten_names
from include.lake.object_store import StoragePath

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(csv|parquet)")

FILE_BYTES = 100_000_000
"""Of a file of corrections, as it is stored."""


def upload_folder(use_case: UseCase) -> StoragePath:
    """Where the files of a use case are put: `<lake>/<use case>/inbox`."""
    return StoragePath.of(settings.current_settings().lake) / use_case.name / "inbox"


def read_upload(use_case: UseCase, name: str) -> bytes:
    """Return the content of the file of that name.

    Raises:
        InvalidRequestError: it is no plain file name, there is no such file, or it is larger than a file of corrections
        may be.
    """
    form_limits.require_name("file", name)
    place = upload_folder(use_case)
    if not NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name!r} is no name of a file in the inbox: letters, digits, '.', '_' and '-', then .csv or .parquet, and"
            f" no folder. Put the file into {place} and give its name alone."
        )
    try:
        require_size(name, (place / name).size())
        return (place / name).read()
    except (FileNotFoundError, IsADirectoryError):
        there = shorten_names(each for each in place.names() if NAME.fullmatch(each))
        raise InvalidRequestError(
            f"There is no file {name!r} in {place}; there are {there}. Put it there first."
        ) from None


def require_size(name: str, size: int) -> None:
    """Check the size of a file of corrections before it is read.

    Raises:
        InvalidRequestError: it is larger than FILE_BYTES.
    """
    if size > FILE_BYTES:
        raise InvalidRequestError(
            f"{name} has {size:,} bytes, and a file of corrections has at most {FILE_BYTES:,}. Nothing was sent back."
            " Send the rows in several files."
        )
