"""Store every alert before it is sent, and mark it afterwards, so that none is lost.

`alerts/<key>.json` is created once per event and never changed; `alerts/<key>.<way>.done` marks that it was sent that
way. Delivery is at least once: a process killed after sending and before marking leads to a second delivery.
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
from include.project import Project

log = printable_logger(__name__)

KEPT_FOR = timedelta(days=7)
"""How long sending is tried: an older message would mislead more than help."""


@dataclass(frozen=True)
class QueuedNotification:
    """Hold a message with the ways to send it by, and the time at which it was queued."""

    message: Message
    ways: tuple[str, ...]
    written_at: str
    """UTC, ISO 8601."""

    def is_too_old(self) -> bool:
        return datetime.fromisoformat(self.written_at).astimezone(UTC) < datetime.now(UTC) - KEPT_FOR

    def content(self) -> bytes:
        return encode_record(asdict(self), default=str)


class NotificationCorruptedError(RecordCorruptedError):
    """Report a queued message that cannot be read."""

    damaged = "A queued alert is damaged"
    consequence = "It is left out; another version of this program may have written it, and will send it."


@dataclass(frozen=True)
class NotificationQueue:
    """Store the alerts of one use case."""

    folder: StoragePath

    @classmethod
    def of(cls, project: Project) -> NotificationQueue:
        """Return the queue of the project's use case, also where its lake has another format."""
        return cls(project.root / "alerts")

    def put(self, message: Message, ways: Sequence[str]) -> bool:
        """Queue a message for each of `ways`; return False if it is queued already."""
        written_at = datetime.now(UTC).isoformat(timespec="seconds")
        return self.store.create(message.key, QueuedNotification(message, tuple(ways), written_at).content())

    def waiting(self) -> list[QueuedNotification]:
        """Return what was neither sent by all of its ways nor given up, the newest first."""
        marks = set(self.folder.names())
        # The file names show what is done: of a year of alerts, only the open ones are read.
        letters = self._readable([key for key in self.store.list_keys() if _done(key, "all") not in marks])
        return sorted(letters, key=lambda letter: (letter.written_at, letter.message.key), reverse=True)

    def beginning(self, text: str) -> list[QueuedNotification]:
        """Return every message whose key begins with that text, sent or not."""
        return self._readable(sorted(key for key in self.store.list_keys() if key.startswith(text)))

    def read(self, key: str) -> QueuedNotification:
        """Return the message of that key.

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
        for letter in self.store.read_each(keys, missing=OSError).values():
            if isinstance(letter, RecordCorruptedError):
                log.error("%s", letter)
            else:
                readable.append(letter)
        return readable

    @contextmanager
    def hold(self, key: str) -> Iterator[bool]:
        """Yield whether this process holds the lock for sending that message: see `try_lock`."""
        with lock.try_lock(self.store.path(key)) as mine:
            yield mine

    def is_sent(self, key: str, way: str) -> bool:
        """Return whether it was sent that way."""
        return (self.folder / _done(key, way)).exists()

    def sent(self, letter: QueuedNotification, way: str) -> None:
        """Mark that it was sent that way."""
        self.store.mark(_done(letter.message.key, way))
        if all(self.is_sent(letter.message.key, other) for other in letter.ways):
            self.close(letter)

    def close(self, letter: QueuedNotification) -> None:
        """Mark that it is not sent any more."""
        self.store.mark(_done(letter.message.key, "all"))


def _done(key: str, way: str) -> str:
    return f"{key}.{way}.done"


def _decode_notification(_key: str, content: bytes) -> QueuedNotification:
    values = json.loads(content)
    datetime.fromisoformat(values["written_at"])
    return QueuedNotification(Message(**values["message"]), tuple(values["ways"]), values["written_at"])
