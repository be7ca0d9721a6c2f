"""Combine the validation losses of all processes that train together."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing.connection import Client, Connection, Listener

from include.model.data_parallel import Combine

_PAIR = struct.Struct("!dd")
_NUMBER = struct.Struct("!q")


@contextmanager
def joined_exchange(host: str, port: int, secret: bytes, share: int, shares: int) -> Iterator[Combine]:
    """Yield the function that each process calls with its loss and weight.

    Each call waits for those of the others.
    Share 0 listens at `host:port` from now on, and the others connect when they call. Call it only when share 0 has
    entered this block, such as after LightGBM has connected all processes. The sum is taken in the order of the shares,
    so that it is the same in every run. The function raises EOFError or OSError if another process ended, and
    AuthenticationError if a process without the secret connected.
    """
    with ExitStack() as opened:
        if share:
            yield _Member(host, port, secret, share, opened).combine
        else:
            listener = opened.enter_context(Listener((host, port), backlog=shares, authkey=secret))
            yield _Hub(listener, shares, opened).combine


@dataclass
class _Member:
    """A process that sends its losses to share 0."""

    host: str
    port: int
    secret: bytes = field(repr=False)
    share: int
    opened: ExitStack

    @cached_property
    def _hub(self) -> Connection:
        hub = self.opened.enter_context(Client((self.host, self.port), authkey=self.secret))
        hub.send_bytes(_NUMBER.pack(self.share))
        return hub

    def combine(self, loss: float, weight: float) -> float:
        """Return the loss of all."""
        self._hub.send_bytes(_PAIR.pack(loss, weight))
        combined, _ = _PAIR.unpack(self._hub.recv_bytes(_PAIR.size))
        return float(combined)


@dataclass
class _Hub:
    """Share 0, which has the losses of all."""

    listener: Listener
    shares: int
    opened: ExitStack

    @cached_property
    def _members(self) -> list[Connection]:
        """Return the connections of the other shares, in order."""
        members = {}
        for _ in range(self.shares - 1):
            connection = self.opened.enter_context(self.listener.accept())
            (share,) = _NUMBER.unpack(connection.recv_bytes(_NUMBER.size))
            members[share] = connection
        return [members[share] for share in sorted(members)]

    def combine(self, loss: float, weight: float) -> float:
        """Return the loss of all, and send it to the others."""
        pairs = [_PAIR.unpack(member.recv_bytes(_PAIR.size)) for member in self._members]
        combined = mean_of([(loss, weight), *pairs])
        for member in self._members:
            member.send_bytes(_PAIR.pack(combined, 0.0))
        return combined


def mean_of(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the weighted mean of losses; a loss without weight does not count."""
    return sum(loss * weight for loss, weight in pairs if weight) / sum(weight for _, weight in pairs)
