"""Inventory: list every file below a path, and remove some."""

from datetime import UTC, datetime, timedelta

import pytest

from include.lake import inventory
from include.lake.object_store import InvalidStoragePathError, StoragePath
from include.lake.s3 import ObjectStoreError

pytestmark = pytest.mark.both_places


def test_every_file_below_is_found_with_size_and_age_and_none_next_to_it(place):
    for name, content in {"a/b=1/c%20d": b"12", "a/e": b"", "ab": b"3"}.items():
        (place / name).write(content)
    found = inventory.list_files(place / "a")
    assert [(file.name, file.bytes) for file in found] == [("b=1/c%20d", 2), ("e", 0)]
    assert all(abs(datetime.now(UTC) - file.modified) < timedelta(minutes=5) for file in found)
    assert inventory.list_files(place / "nowhere") == []


def test_a_place_that_cannot_be_listed_is_not_an_empty_one(place):
    """A link that leads to itself, or a bucket that is not there: no list of files, and no traceback of boto3."""
    if place.is_local:
        place.path.symlink_to(place.path)
        with pytest.raises(OSError, match="Too many levels"):
            inventory.list_files(place)
    else:
        with pytest.raises(ObjectStoreError, match="'no-such-bucket'"):
            inventory.list_files(StoragePath.parse("s3://no-such-bucket/logs"))


def test_only_what_is_named_is_removed_and_what_is_gone_is_no_error(place):
    for name in ("a/b", "a/c", "d/e"):
        (place / name).write(b"1")
    inventory.remove_files(place, ["a/b", "d/e", "never/there"])
    assert [file.name for file in inventory.list_files(place)] == ["a/c"]


def test_empty_folders_go_with_their_last_file_only_where_asked(place):
    for name in ("a/b/c", "a/d", "e/f"):
        (place / name).write(b"1")
    inventory.remove_files(place, ["e/f"])
    inventory.remove_files(place, ["a/b/c"], folders=True)
    assert place.names() == (["a", "e"] if place.is_local else ["a"])
    assert (place / "a").names() == ["d"]
    inventory.remove_files(place, ["a/d"], folders=True)
    assert "a" not in place.names() and (not place.is_local or place.path.is_dir())


def test_a_name_that_leads_elsewhere_removes_nothing(place):
    (place / "a").write(b"1")
    with pytest.raises(InvalidStoragePathError):
        inventory.remove_files(place / "b", ["../a"])
    assert (place / "a").exists()
