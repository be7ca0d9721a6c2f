"""Say what answers without keys and passwords, from where this runs: arguments are `service=address`.

Prints, as JSON, for each port `refused`, `open`, or what the service behind it says.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import sys

ADDRESSES = dict(each.split("=", 1) for each in sys.argv[1:])
TIMEOUT_S = 30
SILENT = {"s3": (8888, 9333, 8080, 18888, 19333, 18080)}
"""Ports that nothing must answer: SeaweedFS' filer, master and volume servers, over HTTP and gRPC."""


def connected(service: str, port: int) -> str:
    try:
        with socket.create_connection((ADDRESSES[service], port), TIMEOUT_S):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return type(error).__name__


def asked(service: str, port: int, method: str, path: str, host: str) -> str:
    """Return the status of an answer over HTTP."""
    client = http.client.HTTPConnection(ADDRESSES[service], port, timeout=TIMEOUT_S)
    try:
        client.request(method, path, body=b"x" if method == "PUT" else None, headers={"Host": host})
        return str(client.getresponse().status)
    except OSError as error:
        return type(error).__name__
    finally:
        client.close()


def sent(service: str, port: int, message: bytes) -> bytes:
    """Return what a server answers to a first message."""
    try:
        with socket.create_connection((ADDRESSES[service], port), TIMEOUT_S) as connection:
            connection.sendall(message)
            return connection.recv(200)
    except OSError as error:
        return type(error).__name__.encode()


found = {f"s3:{port}": connected("s3", port) for port in SILENT["s3"]}
found["s3:8333 write"] = asked("s3", 8333, "PUT", "/airworthy-lake/compose-check", "s3:8333")
found["s3:8333 list"] = asked("s3", 8333, "GET", "/airworthy-lake", "s3:8333")
experiments = "/api/2.0/mlflow/experiments/search?max_results=1"  # MLflow answers /health to every name
found["mlflow:5000"] = asked("mlflow", 5000, "GET", experiments, "localhost:5000")
found["mlflow:5000 another name"] = asked("mlflow", 5000, "GET", experiments, "example.org")
found["redis:6379"] = sent("redis", 6379, b"PING\r\n").decode(errors="replace").strip()
start = b"user\0postgres\0database\0postgres\0\0"
answer = sent("postgres", 5432, struct.pack("!ii", len(start) + 8, 196608) + start)
# An authentication request: 10 is SASL, 5 is MD5, and 0 lets in without a password.
found["postgres:5432"] = (
    f"{answer[:1].decode(errors='replace')} {struct.unpack('!i', answer[5:9])[0] if len(answer) > 8 else answer!r}"
)
sys.stdout.write(json.dumps(found))
