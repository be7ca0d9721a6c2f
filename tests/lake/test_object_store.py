"""Storage paths: the same operations on disk and on S3, and a file is complete or absent."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.errors import InvalidRequestError
from include.lake.object_store import InvalidStoragePathError, StoragePath

pytestmark = pytest.mark.both_places


def test_what_was_written_is_read_and_listed(place):
    (place / "a/b.json").write(b"one")
    (place / "a/c/d.json").write(b"two")
    assert (place / "a/b.json").read() == b"one"
    assert (place.names(), (place / "a").names(), (place / "a" / "c").names()) == (["a"], ["b.json", "c"], ["d.json"])
    assert (place / "a").read_all(["c/d.json", "b.json"]) == [b"two", b"one"]


def test_of_a_folder_those_names_are_listed_that_begin_with_a_text(place):
    for name in ("a/ab", "a/abc/d", "a/b", "ab"):
        (place / name).write(b"")
    assert ((place / "a").names("ab"), (place / "a").names("c"), place.names("a")) == (["ab", "abc"], [], ["a", "ab"])


def test_writing_again_replaces_the_whole_file(place):
    (place / "a").write(b"a longer text")
    (place / "a").write(b"short")
    assert (place / "a").read() == b"short"


def test_there_is_what_is_a_file_or_a_folder_with_something_in_it(place):
    (place / "folder/file").write(b"")
    found = [place.exists(), *((place / name).exists() for name in ("folder", "folder/file", "fold", "folder/f"))]
    assert found == [True, True, True, False, False]


def test_nothing_is_read_where_nothing_is(place, tmp_path):
    assert place.names() == [] and not place.exists()
    for read in (place.read, lambda: place.fetch(tmp_path / "copy"), lambda: place.read_all(["a", "b"])):
        with pytest.raises(FileNotFoundError):
            read()
    place.remove()


def test_a_removed_file_is_gone_and_its_neighbours_stay(place):
    (place / "a").write(b"1"), (place / "b").write(b"2")
    (place / "a").remove()
    assert place.names() == ["b"]


def test_a_file_is_fetched_to_a_path_on_disk_whose_folders_are_made(place, tmp_path):
    content = b"0123456789" * 500_000
    (place / "a file ü").write(content)
    assert (place / "a file ü").fetch(tmp_path / "new" / "copy").read_bytes() == content


def test_a_file_that_is_there_is_not_made_again(place):
    assert place.create(b"first")
    assert not place.create(b"second")
    assert place.read() == b"first"


def test_of_many_that_make_the_same_file_one_does(place):
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda number: (place / "x").create(str(number).encode()), range(48)))
    assert made.count(True) == 1
    assert int((place / "x").read()) == made.index(True)


@pytest.mark.parametrize("name", ["..", "a/../b", "", "/a", "a//b", "a/", ".", "a\\b", "a\nb", "a\0b"])
def test_no_name_leads_out_of_a_place(place, name):
    with pytest.raises(InvalidStoragePathError):
        place / name


@pytest.mark.parametrize("where", ["gs://bucket/x", "s3://", "s3:///x", "s3://bucket/x?y", "file:///x"])
def test_other_addresses_are_no_places(where):
    with pytest.raises(InvalidRequestError, match="s3://bucket/prefix"):
        StoragePath.parse(where)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_next_to_it(tmp_path):
    place = StoragePath.parse(tmp_path)
    (place / "a").write(b"old")
    with pytest.raises(TypeError):
        (place / "a").write("no bytes")
    assert (place.names(), (place / "a").read()) == (["a"], b"old")
