"""The outbox: every alert is written down before it is sent, and again once it was, so that none is lost or sent twice.

`alerts/<key>.json` is made once per event and never changed; `alerts/<key>.<way>.done` says that it was sent that way.
Who is killed between sending and writing that down sends it once more: at least once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from include import settings
from include.declaration.use_case import UseCase
from include.lake import lock
from include.lake.object_store import StoragePath
from include.notifications.messages import Message
from include.printable import printable_logger

log = printable_logger(__name__)

KEPT_FOR = timedelta(days=7)
"""How long it is tried to send a message: an older one would mislead more than it helps."""


@dataclass(frozen=True)
class QueuedNotification:
    """A message with the ways by which it is to be sent, and when it was written."""

    message: Message
    ways: tuple[str, ...]
    written_at: str
    """UTC, ISO 8601."""

    def is_too_old(self) -> bool:
        return datetime.fromisoformat(self.written_at).astimezone(UTC) < datetime.now(UTC) - KEPT_FOR

    def content(self) -> bytes:
        return (json.dumps(asdict(self), indent=1, sort_keys=True, default=str) + "\n").encode()


@dataclass(frozen=True)
class NotificationQueue:
    """The alerts of one use case."""

    folder: StoragePath

    @classmethod
    def of(cls, use_case: UseCase) -> NotificationQueue:
        return cls(StoragePath.of(settings.current_settings().lake) / use_case.name / "alerts")

    def put(self, message: Message, ways: Sequence[str]) -> bool:
        """Write a message down, to be sent by each of `ways`; False, and nothing is done, where it is there already."""
        written_at = datetime.now(UTC).isoformat(timespec="seconds")
        return self._path(message.key).create(QueuedNotification(message, tuple(ways), written_at).content())

    def waiting(self) -> list[QueuedNotification]:
        """What was neither sent by all of its ways nor given up, the newest first."""
        names = self._names()
        keys = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        # The names alone tell what is done: of a year of alerts, only the open ones are read.
        letters = self._readable(key for key in keys if self._done(key, "all").name not in names)
        return sorted(letters, key=lambda letter: (letter.written_at, letter.message.key), reverse=True)

    def beginning(self, text: str) -> list[QueuedNotification]:
        """Every letter whose key begins with that text, sent or not."""
        names = sorted(name for name in self._names() if name.startswith(text) and name.endswith(".json"))
        return self._readable(name.removesuffix(".json") for name in names)

    def read(self, key: str) -> QueuedNotification:
        """The letter of that key; FileNotFoundError if there is none, ValueError, TypeError or KeyError where another
        version of this program, or nobody, wrote what is there."""
        values = json.loads(self._path(key).read())
        datetime.fromisoformat(values["written_at"])
        return QueuedNotification(Message(**values["message"]), tuple(values["ways"]), values["written_at"])

    def _names(self) -> set[str]:
        return set(self.folder.names())

    def _readable(self, keys: Iterable[str]) -> list[QueuedNotification]:
        """Those letters, but for what cannot be read: one such must not keep the others from being sent."""
        found = []
        for key in keys:
            try:
                found.append(self.read(key))
            except (ValueError, TypeError, KeyError, OSError):
                log.exception(
                    "The alert %s cannot be read, and is left out. Another version of this program may have written it,"
                    " and send it; otherwise look what it says, and remove it.",
                    self._path(key),
                )
        return found

    @contextmanager
    def hold(self, key: str) -> Iterator[bool]:
        """Whether this process alone may send that letter now: see `lease`."""
        with lock.try_lock(self._path(key)) as mine:
            yield mine

    def is_sent(self, key: str, way: str) -> bool:
        """Whether it was sent that way."""
        return self._done(key, way).exists()

    def sent(self, letter: QueuedNotification, way: str) -> None:
        """Write down that it was sent that way."""
        self._done(letter.message.key, way).create(b"")
        if all(self.is_sent(letter.message.key, each) for each in letter.ways):
            self.close(letter)

    def close(self, letter: QueuedNotification) -> None:
        """Write down that nothing of it is to be sent any more."""
        self._done(letter.message.key, "all").create(b"")

    def _path(self, key: str) -> StoragePath:
        return self.folder / f"{key}.json"

    def _done(self, key: str, way: str) -> StoragePath:
        return self.folder / f"{key}.{way}.done"
