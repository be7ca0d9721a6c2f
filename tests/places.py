"""Operations on storage paths that only tests need: list all, copy, empty."""

from __future__ import annotations

from collections.abc import Iterator

from include.lake import s3
from include.lake.object_store import StoragePath


def files(place: StoragePath) -> Iterator[StoragePath]:
    """Every file below it."""
    if place.is_local:
        yield from (StoragePath(str(path)) for path in sorted(place.path.rglob("*")) if path.is_file())
        return
    bucket, _, key = place.uri.removeprefix(s3.SCHEME).partition("/")
    for page in s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key}/"):
        yield from (StoragePath(f"{s3.SCHEME}{bucket}/{each['Key']}") for each in page.get("Contents", []))


def contents(place: StoragePath) -> dict[str, bytes]:
    """Name below the place to content, of every file."""
    found = list(files(place))
    return dict(
        zip(
            (file.uri.removeprefix(f"{place}/") for file in found),
            s3.map_concurrently(StoragePath.read, found),
            strict=True,
        )
    )


def copy(old: StoragePath, new: StoragePath) -> None:
    for name, content in contents(old).items():
        (new / name).write(content)


def empty(place: StoragePath) -> None:
    """Remove every file below it; of a folder on disk, the folder stays."""
    for file in list(files(place)):
        file.remove()
