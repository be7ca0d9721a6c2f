"""Check the health of a container's service, for docker-compose.yaml: exit with 0, or print what is wrong.

Importing Airflow for each check would take 4 CPU-seconds, so it reads HTTP health endpoints: the API server's, which
has every component's heartbeat, and the scheduler's. A Celery worker is pinged over the broker.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

API = "http://{}/api/v2/monitor/health"
ADDRESSES = {
    "api-server": API.format("127.0.0.1:8080"),
    "scheduler": "http://127.0.0.1:8974/health",
    "dag-processor": API.format("api-server:8080"),
    "triggerer": API.format("api-server:8080"),
    "mlflow": "http://127.0.0.1:5000/health",
}
PARTS = {"api-server": "metadatabase", "dag-processor": "dag_processor", "triggerer": "triggerer"}
"""The part of the answer to read; for other services the HTTP status is enough."""
TIMEOUT_S = 8.0


def complaint(service: str, address: str) -> str:
    """Return what is wrong with the service whose health endpoint is at the address; empty if healthy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=TIMEOUT_S) as answer:
            body = answer.read()
    except (OSError, ValueError) as error:
        return f"{address}: {error}"
    if service not in PARTS:
        return ""
    status = (json.loads(body).get(PARTS[service]) or {}).get("status")
    return "" if status == "healthy" else f"{address} reports that {PARTS[service]} is {status}."


def worker_complaint(environment: Mapping[str, str], hostname: str) -> str:
    """Return what is wrong with this host's Celery worker; empty if it answers."""
    from celery import Celery

    app: Any = Celery(broker=environment["AIRFLOW__CELERY__BROKER_URL"])
    name = f"celery@{hostname}"
    return "" if app.control.ping(destination=[name], timeout=TIMEOUT_S, limit=1) else f"{name} does not answer."


def main(service: str) -> str:
    if service == "worker":
        return worker_complaint(os.environ, socket.gethostname())
    return complaint(service, ADDRESSES[service])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) or 0)
