"""The queue keeps each alert once, until every way has sent it."""

from __future__ import annotations

import pytest

from include.notifications.messages import Message
from include.notifications.queue import NotificationCorruptedError, NotificationQueue, QueuedNotification

pytestmark = pytest.mark.both_places(quick=True)


@pytest.fixture
def queue(place) -> NotificationQueue:
    return NotificationQueue(place)


def message(key: str) -> Message:
    return Message("failure", key, "toy", "2020-03-01", "a subject", "a text", {}, {"run": key})


def put(queue: NotificationQueue, key: str, written_at: str) -> None:
    queue.store.create(key, QueuedNotification(message(key), ("email",), written_at).content())


def test_a_message_is_queued_once_and_read_as_it_was_written(queue):
    assert queue.put(message("one"), ["email", "webhook"])
    assert not queue.put(message("one"), ["email"])
    (queued,) = queue.waiting()
    assert (queued.message, queued.channels) == (message("one"), ("email", "webhook"))
    assert queue.read("one") == queued


def test_the_newest_waits_first_and_what_every_way_has_sent_waits_no_more(queue):
    for key, hour in (("a", 10), ("b", 12), ("c", 11)):
        put(queue, key, f"2020-03-01T{hour}:00:00+00:00")
    assert [queued.message.key for queued in queue.waiting()] == ["b", "c", "a"]
    queue.mark_sent(queue.read("c"), "email")
    assert [queued.message.key for queued in queue.waiting()] == ["b", "a"]


def test_a_message_for_two_ways_waits_until_both_have_sent_it(queue):
    queue.put(message("one"), ["email", "webhook"])
    queued = queue.read("one")
    queue.mark_sent(queued, "email")
    assert queue.is_sent("one", "email") and not queue.is_sent("one", "webhook")
    assert queue.waiting() == [queued]
    queue.mark_sent(queued, "webhook")
    assert queue.waiting() == []


def test_messages_are_found_by_the_beginning_of_their_keys_also_when_sent(queue):
    for key in ("breach-1", "breach-2", "other"):
        queue.put(message(key), ["email"])
    queue.close(queue.read("breach-1"))
    assert [queued.message.key for queued in queue.with_prefix("breach-")] == ["breach-1", "breach-2"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"message": {}, "ways": [], "written_at": "soon"}'])
def test_a_damaged_message_is_left_out_and_named_and_the_others_wait(queue, caplog, content):
    queue.put(message("good"), ["email"])
    queue.store.path("bad").write(content)
    assert [queued.message.key for queued in queue.waiting()] == ["good"]
    assert "A queued alert is damaged at" in caplog.text and "bad.json" in caplog.text
    with pytest.raises(NotificationCorruptedError):
        queue.read("bad")
