"""A proxy in front of an S3 server that breaks answers: real sockets, faults drawn from a seed.

It runs in a separate process: the Delta library holds the interpreter lock of its process while it waits for answers.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from include.settings import REPOSITORY

FAULTS = {
    "500": "answers 500",
    "503": "answers 503, slow down",
    "slow": "answers late",
    "cut upload": "the connection is cut in the middle of an upload",
    "cut download": "the connection is cut in the middle of a download",
    "lost answer": "the server does it, and its answer is lost",
}
MADE = "/-/made"
"""Asked of the proxy itself: how often it has made each fault."""
_CODES = {"500": "InternalError", "503": "SlowDown"}
_BY_CHANCE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27,}|b2-[0-9a-f]+")
"""What of a key is drawn again each time; faults are drawn from the rest."""


class Proxy:
    """Passes requests on, and breaks a share of them in one of the ways named."""

    def __init__(self, server: str, faults: list[str], share: float, seed: int = 0, slow_seconds: float = 0.4) -> None:
        self.server, self.faults, self.share, self.seed, self.slow_seconds = server, faults, share, seed, slow_seconds
        self.made: Counter[str] = Counter()
        """How often each fault was made."""
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def fault(self, method: str, path: str) -> str:
        """What is done to the next request of that kind; empty for nothing."""
        kind = f"{method} {_BY_CHANCE.sub('*', path)}"
        with self._lock:
            self._seen[kind] += 1
            rng = random.Random(f"{self.seed} {kind} {self._seen[kind]}")
        return rng.choice(self.faults) if rng.random() < self.share else ""

    def count(self, fault: str) -> None:
        with self._lock:
            self.made[fault] += 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_: Any) -> None:
        """Nothing is logged of a request."""

    def _handle(self) -> None:
        proxy: Proxy = self.server.proxy  # type: ignore[attr-defined]
        if self.path == MADE:
            return self._answer(200, [], json.dumps(proxy.made).encode())
        length, fault = int(self.headers.get("Content-Length") or 0), proxy.fault(self.command, self.path)
        if fault == "cut upload" and length:
            proxy.count(fault)
            self.rfile.read(length // 2)
            return self._cut()
        body = self.rfile.read(length)
        if fault in _CODES:
            proxy.count(fault)
            return self._refuse(int(fault), _CODES[fault])
        if fault == "slow":
            proxy.count(fault)
            time.sleep(proxy.slow_seconds)
        status, headers, content = self._passed_on(proxy.server, body)
        if fault == "lost answer" and self.command in ("PUT", "POST", "DELETE"):
            proxy.count(fault)
            return self._cut()
        cut = fault == "cut download" and self.command == "GET" and len(content) > 1
        if cut:
            proxy.count(fault)
        self._answer(status, headers, content, cut=cut)
        return None

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, *, cut: bool = False) -> None:
        """Send an answer; `cut`: half of it, and then nothing more."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.wfile.flush()
            self._cut()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815  # the base class calls these

    def _passed_on(self, server: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(server)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=1200)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body or None, dict(self.headers.items()))
            answer = connection.getresponse()
            hop = ("transfer-encoding", "connection", "keep-alive")
            return answer.status, [(k, v) for k, v in answer.getheaders() if k.lower() not in hop], answer.read()

    def _refuse(self, status: int, code: str) -> None:
        content = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>A drill.</Message></Error>".encode()
        self._answer(status, [("Content-Type", "application/xml")], content if self.command != "HEAD" else b"")

    def _cut(self) -> None:
        """Reset the connection, as a cable that is pulled."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away, or was cut off, is what this is for."""


class Running:
    """A proxy that runs."""

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def made(self) -> Counter[str]:
        """How often each fault was made."""
        with urllib.request.urlopen(f"{self.address}{MADE}", timeout=1200) as answer:
            return Counter(json.loads(answer.read()))


@contextlib.contextmanager
def running(server: str, faults: list[str], share: float, seed: int = 0) -> Iterator[Running]:
    """A proxy before that server, which breaks such a share of the requests."""
    command = [sys.executable, "-m", "tests.drills.proxy", server, ",".join(faults), str(share), str(seed)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield Running(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.stdin.close()  # it ends with its input, even where this process is killed


def _serve(server: str, faults: str, share: str, seed: str) -> None:
    listening = _Server(("127.0.0.1", 0), _Handler)
    listening.proxy = Proxy(server, faults.split(","), float(share), int(seed))  # type: ignore[attr-defined]
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    print(listening.server_address[1], flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
