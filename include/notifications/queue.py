"""Store every alert before it is sent, and mark it after, to lose none.

`alerts/<key>.json` is created once per event and never changed; `alerts/<key>.<channel>.done` marks that it was sent by
a channel. Delivery is at least once: a process killed after sending and before marking leads to a second delivery.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from include.lake import lock
from include.lake.object_store import StoragePath
from include.lake.record_store import RecordCorruptedError, RecordStore, encode_record
from include.notifications.messages import Message
from include.printable import printable_logger
from include.project import DataProject

log = printable_logger(__name__)

KEPT_FOR = timedelta(days=7)
"""Time during which sending is tried: an older message would mislead."""


@dataclass(frozen=True)
class QueuedNotification:
    """A message with the channels to send it by, and the time at which it was queued."""

    message: Message
    channels: tuple[str, ...]
    written_at: str
    """UTC, ISO 8601."""

    def is_too_old(self) -> bool:
        return datetime.fromisoformat(self.written_at).astimezone(UTC) < datetime.now(UTC) - KEPT_FOR

    def content(self) -> bytes:
        values = {"message": asdict(self.message), "ways": self.channels, "written_at": self.written_at}
        return encode_record(values, default=str)


class NotificationCorruptedError(RecordCorruptedError):
    """A queued message cannot be read."""

    damaged = "A queued alert is damaged"
    consequence = "It is skipped; another version of this program may have written it, and will send it."


@dataclass(frozen=True)
class NotificationQueue:
    """The queued alerts of one use case."""

    folder: StoragePath

    @classmethod
    def open(cls, project: DataProject) -> NotificationQueue:
        """Return the queue of the project's use case, even if its lake has another format."""
        return cls(project.root / "alerts")

    def put(self, message: Message, channels: Sequence[str]) -> bool:
        """Queue a message for these channels; return False if it was queued before."""
        written_at = datetime.now(UTC).isoformat(timespec="seconds")
        return self.store.create(message.key, QueuedNotification(message, tuple(channels), written_at).content())

    def waiting(self) -> list[QueuedNotification]:
        """Return the messages neither sent nor given up, the newest first.

        A message is sent when all its channels have sent it.
        """
        marks = set(self.folder.names())
        # File names show which are done: of a year of alerts, only the open ones are read.
        open_messages = self._readable([key for key in self.store.list_keys() if _done_mark(key, "all") not in marks])
        return sorted(open_messages, key=lambda queued: (queued.written_at, queued.message.key), reverse=True)

    def with_prefix(self, prefix: str) -> list[QueuedNotification]:
        """Return every message whose key begins with `prefix`, sent or not."""
        return self._readable(sorted(key for key in self.store.list_keys() if key.startswith(prefix)))

    def read(self, key: str) -> QueuedNotification:
        """Return the message of a key.

        Raises:
            NotificationCorruptedError: there is none, or it is damaged.
        """
        return self.store.read(key)

    @property
    def store(self) -> RecordStore[QueuedNotification]:
        """The files of the messages."""
        return RecordStore(self.folder, _decode_notification, NotificationCorruptedError)

    def _readable(self, keys: Sequence[str]) -> list[QueuedNotification]:
        """Return the readable messages: an unreadable one must not block the others."""
        readable = []
        for queued in self.store.read_each(keys, missing=OSError).values():
            if isinstance(queued, RecordCorruptedError):
                log.error("%s", queued)
            else:
                readable.append(queued)
        return readable

    @contextmanager
    def hold(self, key: str) -> Iterator[bool]:
        """Yield whether this process holds the lock for sending a message: see `try_lock`."""
        with lock.try_lock(self.store.path(key)) as is_held:
            yield is_held

    def is_sent(self, key: str, channel: str) -> bool:
        """Return whether a message was sent by a channel."""
        return (self.folder / _done_mark(key, channel)).exists()

    def mark_sent(self, queued: QueuedNotification, channel: str) -> None:
        """Mark that a message was sent by a channel."""
        self.store.mark(_done_mark(queued.message.key, channel))
        if all(self.is_sent(queued.message.key, other) for other in queued.channels):
            self.close(queued)

    def close(self, queued: QueuedNotification) -> None:
        """Mark that a message is no longer to be sent."""
        self.store.mark(_done_mark(queued.message.key, "all"))


def _done_mark(key: str, channel: str) -> str:
    return f"{key}.{channel}.done"


def _decode_notification(_key: str, content: bytes) -> QueuedNotification:
    values = json.loads(content)
    datetime.fromisoformat(values["written_at"])
    return QueuedNotification(Message(**values["message"]), tuple(values["ways"]), values["written_at"])
