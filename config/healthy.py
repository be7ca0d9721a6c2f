"""Whether a container's service does its work (docker-compose.yaml asks): ends with 0, or says what is wrong.

Importing Airflow for each question would cost 4 CPU-seconds, so its own answers over HTTP are read: of the API server,
which knows every component's heartbeat, and of the scheduler's health server. A Celery worker is asked over the broker.
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
"""What the answer is asked about; the others say all by its status."""
TIMEOUT_S = 8.0


def complaint(service: str, address: str) -> str:
    """What is wrong with the service whose health is told at the address; empty where nothing is."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=TIMEOUT_S) as answer:
            told = answer.read()
    except (OSError, ValueError) as error:
        return f"{address}: {error}"
    if service not in PARTS:
        return ""
    said = (json.loads(told).get(PARTS[service]) or {}).get("status")
    return "" if said == "healthy" else f"{address} says that {PARTS[service]} is {said}."


def worker_complaint(environment: Mapping[str, str], hostname: str) -> str:
    """What is wrong with this host's Celery worker; empty where it answers."""
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
