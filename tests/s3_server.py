"""A fast S3 server for tests that can fail on request: moto's, with one writer at a time.

`python -m tests.s3_server` prints its port and serves until its input ends. Any key is accepted. moto checks whether
a conditional write is allowed and then writes, in one of many threads, so two simultaneous writers could both
succeed; hence one writer at a time. `POST /-/fail` with `{"status": 503, "code": "SlowDown", "times": 2, "methods":
["PUT"]}` makes it refuse the next requests with these methods; `times: 0` ends that. Long tests use SeaweedFS: see
tests/seaweedfs.py.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response


class Handler(MotoRequestHandler):
    protocol_version = "HTTP/1.1"  # a connection for each request would take twice the time

    def log_request(self, *_: Any, **__: Any) -> None:
        """Nothing is logged of a request."""


@dataclass
class Refusal:
    """What is answered to the next requests of these methods."""

    status: int
    code: str
    times: int
    methods: Sequence[str] = ("GET", "PUT", "POST", "HEAD", "DELETE")

    def answer(self) -> Response:
        self.times -= 1
        text = f"<Error><Code>{self.code}</Code><Message>As asked.</Message></Error>"
        return Response(text, self.status, content_type="application/xml")


class Server:
    """The WSGI application."""

    def __init__(self) -> None:
        self._moto, self._writing = create_backend_app("s3"), threading.Lock()
        self._refusal = Refusal(200, "", 0, ())

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/-/fail":
            self._refusal = Refusal(**json.loads(request.get_data()))
            return Response(status=204)(environ, start_response)
        if self._refusal.times > 0 and request.method in self._refusal.methods:
            request.get_data()
            return self._refusal.answer()(environ, start_response)
        if request.method not in ("PUT", "POST", "DELETE"):
            return self._moto(environ, start_response)
        with self._writing:
            return list(self._moto(environ, start_response))


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, Server(), threaded=True, request_handler=Handler)
    print(server.port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)
