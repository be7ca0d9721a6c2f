"""Real receivers of alerts on loopback: a mail server and a webhook, which store what they receive."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox(AsyncMessage):
    """Keeps every mail, but for what it `refuses` by its text."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []
        self.refuses = "nothing at all"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuses in html_of(message_from_bytes(envelope.content, policy=default)):
            return "554 Looks like spam"
        return str(await super().handle_DATA(server, session, envelope))

    async def handle_message(self, message: Message) -> None:
        self.mails.append(message_from_bytes(message.as_bytes(), policy=default))

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]

    def html(self) -> str:
        """The newest mail's text."""
        return html_of(self.mails[-1])


class Hook:
    """Keeps every request's JSON; answers with `status`, or 400 to what it `refuses`."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.headers: list[Message] = []
        """Of each of these requests."""
        self.status = 200
        self.refuses: Callable[[dict[str, Any]], bool] = lambda _: False


@contextmanager
def mail_server(port: int = 0) -> Iterator[tuple[Mailbox, int]]:
    """A mail server, and its port."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port or _free())
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


@contextmanager
def webhook() -> Iterator[tuple[Hook, int]]:
    """A webhook, and its port."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.headers.append(self.headers)
            hook.received.append(body)
            self.send_response(400 if hook.refuses(body) else hook.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def refusing() -> Iterator[tuple[list[Message], str]]:
    """A server that refuses everything: the headers of what it was asked, and its address."""
    asked: list[Message] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers)
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield asked, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def connections(smtp_port: int | None, http_port: int | None, prefix: str = "AIRWORTHY") -> dict[str, str]:
    """The environment variables that are Airflow's Connections to them."""
    found = {}
    if smtp_port is not None:
        found[f"AIRFLOW_CONN_{prefix}_SMTP"] = smtp_connection(smtp_port)
    if http_port is not None:
        found[f"AIRFLOW_CONN_{prefix}_WEBHOOK"] = webhook_connection(http_port)
    return found


def smtp_connection(port: int) -> str:
    """Airflow's Connection to a mail server on this machine, as JSON."""
    extra = {"disable_ssl": True, "disable_tls": True, "timeout": 5, "retry_limit": 0}
    return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra})


def webhook_connection(port: int) -> str:
    """Airflow's Connection to a webhook on this machine, as JSON."""
    return json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": port, "extra": {"trust_env": False}})


def html_of(mail: Message) -> str:
    """A mail's text."""
    (part,) = (part for part in mail.walk() if part.get_content_type() == "text/html")
    return part.get_payload(decode=True).decode()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
