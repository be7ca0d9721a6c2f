"""Exchange messages with the process for untrusted content.

A message is a size, then that number of bytes.
"""

from __future__ import annotations

import socket
import struct
import time

MESSAGE_BYTES = 64 << 20
"""Largest message in either direction."""
_SIZE = struct.Struct(">Q")


def send_message(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_SIZE.pack(len(message)) + message)


def receive_message(connection: socket.socket, deadline: float | None = None) -> bytes | None:
    """Return the next message; None if the other side has closed the connection.

    Raises:
        TimeoutError: the deadline (of `time.monotonic`) has passed.
        ValueError: the message is too long.
    """
    start = _receive_exactly(connection, _SIZE.size, deadline)
    if start is None:
        return None
    (size,) = _SIZE.unpack(start)
    if size > MESSAGE_BYTES:
        raise ValueError(f"a message of {size:,} bytes")
    return _receive_exactly(connection, size, deadline)


def _receive_exactly(connection: socket.socket, size: int, deadline: float | None) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        if deadline is not None:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
        part = connection.recv(min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)
