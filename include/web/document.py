"""Read one page of the Data Docs, as it was written."""

from __future__ import annotations

from include import settings
from include.lake.object_store import InvalidStoragePathError, StoragePath


def read_document(use_case: str, path: str) -> bytes | None:
    """Return the page at a path below the use case's folder.

    None if it does not exist, or if its name or a symbolic link leads outside the folder. Raises the store's errors.
    """
    try:
        folder = StoragePath.parse(settings.current_settings().data_docs) / use_case
        page = folder / path
    except InvalidStoragePathError:
        return None
    if not path.endswith(".html") or any(part.startswith(".") for part in path.split("/")):
        return None  # the name of an unfinished page begins with a dot
    try:
        if page.is_local and not page.path.resolve().is_relative_to(folder.path.resolve()):
            return None
        return page.read()
    except (OSError, ValueError):  # a name that is too long, a folder, a zero byte
        return None
