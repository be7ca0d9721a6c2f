"""The servers that the services need: PostgreSQL and Redis. SeaweedFS is in tests/seaweedfs.py."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest

from tests.end_to_end.conftest import until


def answers(port: int) -> bool:
    """Whether somebody listens on that port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def program(name: str) -> str:
    """The path of an installed server; the test is skipped where it is not installed."""
    places = [*map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), shutil.which(name)]
    found = next(filter(None, places), None)
    if found is None:
        pytest.skip(f"there is no {name}: install PostgreSQL and Redis (Debian: apt-get install postgresql redis)")
    return found


@dataclass
class Server:
    """One server process in a session of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Returns when it accepts connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._start()
        until(lambda: self._dead() or answers(self.port), f"{type(self).__name__} on port {self.port}")
        assert not self._dead(), f"{type(self).__name__} did not start:\n{self.log.read_text()[-2000:]}"

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Returns when it has ended."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(1200)
            self.process = None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def _start(self) -> None:
        raise NotImplementedError

    def _run(self, *command: str, **more: Any) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **more,
            )

    def _dead(self) -> bool:
        return self.process is None or self.process.poll() is not None


@dataclass
class PostgreSQL(Server):
    """As somebody else than root, which it insists on; over TCP alone, and with passwords, as in a container."""

    password: str = field(default="", repr=False)
    """Of its superuser, `postgres`."""
    arguments: tuple[str, ...] = ()

    def _start(self) -> None:
        actor = {"user": "nobody"} if os.getuid() == 0 else {}
        data = self.folder / "data"
        if not data.exists():
            initdb = [program("initdb"), "-D", data, "-U", "postgres", "--auth=scram-sha-256", "--data-checksums"]
            initdb += ["--no-sync", "--encoding=UTF8", f"--pwfile={self.folder / 'password'}"]
            (self.folder / "password").write_text(self.password)
            if actor:
                shutil.chown(self.folder, "nobody")
            subprocess.run(initdb, check=True, capture_output=True, cwd=self.folder, **actor)
            (self.folder / "password").unlink()
        here = ["-h", "127.0.0.1", "-p", str(self.port), "-c", "unix_socket_directories="]
        self._run(program("postgres"), "-D", str(data), *self.arguments, *here, **actor)

    def start(self) -> None:
        super().start()
        until(self._ready, "PostgreSQL's recovery")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is its fast stop: sessions are ended, nothing is lost."""
        super().stop(how)

    def say(self, statement: str) -> list[tuple[object, ...]]:
        """Rows that the superuser gets for a statement."""
        connection = psycopg2.connect(f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres")
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def kill_session(self, process: int) -> None:
        """SIGKILL of the server process of one session."""
        assert self.process is not None and process in {
            each.pid for each in psutil.Process(self.process.pid).children()
        }
        os.kill(process, signal.SIGKILL)

    def _ready(self) -> bool:
        try:
            return bool(self.say("select 1"))
        except psycopg2.OperationalError:
            return False


@dataclass
class Redis(Server):
    """With what compose gives it as arguments."""

    arguments: tuple[str, ...] = ()

    def _start(self) -> None:
        mine = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        self._run(program("redis-server"), *self.arguments, *mine)
