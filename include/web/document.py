"""Show a document: one page of the Data Docs, as it was written."""

from __future__ import annotations

from include import settings
from include.lake.object_store import InvalidStoragePathError, StoragePath


def read_document(use_case: str, path: str) -> bytes | None:
    """The page at that path below the use case's folder; None where there is none, or where the path leads elsewhere,
    by its name or by a link on disk. Raises s3.StoreFailed."""
    try:
        folder = StoragePath.of(settings.current_settings().data_docs) / use_case
        page = folder / path
    except InvalidStoragePathError:
        return None
    if not path.endswith(".html") or any(part.startswith(".") for part in path.split("/")):
        return None  # a page that is being written begins with a dot
    try:
        if page.is_local and not page.path.resolve().is_relative_to(folder.path.resolve()):
            return None
        return page.read()
    except (OSError, ValueError):  # a name that is too long, a folder, a zero byte
        return None
