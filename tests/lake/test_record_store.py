"""Records are created once, listed in order, and read strictly."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pytest

from include.lake import record_store
from include.lake.object_store import StoragePath
from include.lake.record_store import FlawedRecordError, Link, RecordCorruptedError, RecordStore, encode_record
from include.lake.signing import load_signing_keys

pytestmark = [pytest.mark.both_places(quick=True), pytest.mark.security]


@dataclass(frozen=True)
class Note:
    """A record of these tests."""

    text: str
    previous: str
    hash: str


class NotesCorruptedError(RecordCorruptedError):
    """What these tests expect."""

    damaged = "The notes are damaged"
    consequence = "They are not read."


def decode(key: str, content: bytes) -> Note:
    values = json.loads(content)
    if values["text"] == "forged":
        raise FlawedRecordError(f"note {key} is forged")
    return Note(values["text"], values["previous"], hashlib.sha256(content).hexdigest())


@pytest.fixture
def store(place: StoragePath) -> RecordStore[Note]:
    return RecordStore(place, decode, NotesCorruptedError, link=lambda note: Link(note.previous, note.hash))


def append(store: RecordStore[Note], *texts: str) -> None:
    for text in texts:
        notes = store.numbered()
        previous = notes[-1].hash if notes else ""
        assert store.append(len(notes) + 1, encode_record({"text": text, "previous": previous}))


def test_a_record_is_created_once_and_never_replaced(store):
    assert store.create("first", encode_record({"text": "a", "previous": ""}))
    assert not store.create("first", encode_record({"text": "b", "previous": ""}))
    assert store.read("first").text == "a"


def test_numbered_records_are_listed_in_the_order_of_their_numbers(place):
    store = RecordStore(place, lambda key, content: int(key), digits=1)
    for number in (10, 9, *range(1, 9)):
        store.append(number, b"{}")
    assert store.numbered() == list(range(1, 11))
    assert "10.json" in place.names()


def test_other_files_in_the_folder_are_no_records(store):
    append(store, "a")
    for name in (".DS_Store", "notes.txt", "000002.json.holder-1"):
        (store.folder / name).write(b"x")
    assert [note.text for note in store.numbered()] == ["a"]
    assert store.list_keys() == {"000001"}


def test_a_gap_in_the_numbers_names_the_missing_file(store):
    append(store, "a", "b", "c")
    store.path("000002").remove()
    with pytest.raises(NotesCorruptedError) as raised:
        store.numbered()
    assert (raised.value.place.name, raised.value.found) == ("000002.json", "it is missing")


def test_a_second_name_of_a_number_is_refused(store):
    append(store, "a")
    (store.folder / "0000001.json").write(store.path("000001").read())
    with pytest.raises(NotesCorruptedError) as refused:
        store.numbered()
    assert (refused.value.place.name, refused.value.found) == ("0000001.json", "record 1 has the name 000001.json")


def test_a_changed_record_breaks_the_chain_at_the_next(store):
    append(store, "a", "b")
    store.path("000001").write(encode_record({"text": "changed", "previous": ""}))
    with pytest.raises(NotesCorruptedError) as raised:
        store.numbered()
    assert raised.value.place.name == "000002.json"
    assert raised.value.found == "it does not follow from record 1, or that one was changed"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"[" * 100_000, b'{"text": "forged", "previous": ""}'])
def test_a_damaged_record_says_where_what_and_what_to_do(store, content):
    store.path("note").write(content)
    for look in (store.read, store.find):
        with pytest.raises(NotesCorruptedError) as refused:
            look("note")
        assert refused.value.place.name == "note.json"


def test_a_flaw_is_said_in_the_words_of_who_decodes(store):
    store.path("7").write(b'{"text": "forged", "previous": ""}')
    with pytest.raises(NotesCorruptedError) as raised:
        store.read("7")
    assert raised.value.found == "note 7 is forged"


def test_a_missing_record_is_none_to_find_and_damage_to_read(store):
    assert store.find("none") is None
    with pytest.raises(NotesCorruptedError) as refused:
        store.read("none")
    assert refused.value.place.name == "none.json"


def test_a_damaged_record_does_not_hide_the_others_where_each_is_read(store):
    store.create("good", encode_record({"text": "a", "previous": ""}))
    store.create("bad", b"no")
    read = store.read_each(["bad", "gone", "good"])
    assert list(read) == ["bad", "gone", "good"]
    assert [isinstance(each, NotesCorruptedError) for each in read.values()] == [True, True, False]


def test_copied_records_have_the_same_bytes(store, place):
    append(store, "a", "b")
    other = RecordStore(place / "other", decode, NotesCorruptedError)
    store.copy(["000002"], other)
    assert other.path("000002").read() == store.path("000002").read()
    assert other.list_keys() == {"000002"}


def test_a_mark_is_made_once(store):
    assert [store.mark("sent.done"), store.mark("sent.done")] == [True, False]
    assert store.list_keys() == set()


def test_a_seal_covers_every_value_and_the_purpose(lake_home):
    sealed = record_store.seal_record("notes", {"text": "a", "count": 1})
    keys = load_signing_keys()
    assert record_store.seal_flaw(keys, "notes", sealed) == ""
    for changed in (
        sealed | {"count": 2},
        sealed | {"more": 1},
        {name: sealed[name] for name in ("text", "key_id", "mac")},
    ):
        assert record_store.seal_flaw(keys, "notes", changed) == "its signature does not fit its content"
    assert record_store.seal_flaw(keys, "others", sealed) == "its signature does not fit its content"
    assert record_store.seal_flaw(keys, "notes", {"text": "a"}) == "it is not signed"


def test_former_names_are_translated_and_back():
    former = {"who": "Ann", "why": "mistyped", "number": 1}
    current = record_store.current_names(former)
    assert current == {"actor": "Ann", "comment": "mistyped", "number": 1}
    assert record_store.former_names(current) == former
    assert record_store.has_former_names(former) and not record_store.has_former_names(current)
