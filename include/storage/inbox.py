"""The inbox: where an operator puts a file that a form then names. A form never names any other place."""

from __future__ import annotations

import re

from include import settings
from include.declaration import form_limits
from include.errors import BadRequest
from include.storage.place import Place
from include.use_case import UseCase

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.(csv|parquet)")


def folder(use_case: UseCase) -> Place:
    """Where the files of a use case are put: `<lake>/<use case>/inbox`."""
    return Place.of(settings.current().lake) / use_case.name / "inbox"


def read(use_case: UseCase, name: str) -> bytes:
    """The content of the file of that name. BadRequest for what is no plain file name, and for a file that is not
    there."""
    form_limits.require_name("file", name)
    place = folder(use_case)
    if not NAME.fullmatch(name):
        raise BadRequest(
            f"{name!r} is no name of a file in the inbox: letters, digits, '.', '_' and '-', then .csv or .parquet, and"
            f" no folder. Put the file into {place} and give its name alone."
        )
    try:
        return (place / name).read()
    except (FileNotFoundError, IsADirectoryError):
        there = [each for each in place.names() if NAME.fullmatch(each)]
        raise BadRequest(f"There is no file {name!r} in {place}; there are {there[:20]}. Put it there first.") from None
