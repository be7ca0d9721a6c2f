"""A real PostgreSQL for tests, with a database of its own for each test."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.backends import PostgreSQL

PASSWORD = "s3cret-word"


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """Start a server, and stop and remove it at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="airworthy-postgres-"))
    folder.chmod(0o711)  # the server runs as another user
    server = PostgreSQL(folder / "server", port, PASSWORD, ("-c", "fsync=off"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def address(server: PostgreSQL, password: str = PASSWORD, database: str = "postgres") -> str:
    """Return the URI of a Connection."""
    from urllib.parse import quote

    return f"postgresql://postgres:{quote(password, safe='')}@127.0.0.1:{server.port}/{database}"
