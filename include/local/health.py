"""Check whether each service is ready for work, not only running."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

from include.local.instance import Instance
from include.local.supervisor import SupervisorReport

_HEARTBEATS = {
    "scheduler": ("scheduler", "latest_scheduler_heartbeat"),
    "dag-processor": ("dag_processor", "latest_dag_processor_heartbeat"),
    "triggerer": ("triggerer", "latest_triggerer_heartbeat"),
}
# A proxy in the environment must not be used between processes of this machine.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_healthy(instance: Instance, report: SupervisorReport) -> frozenset[str]:
    """Return the services that are ready for work."""
    ready = {"mlflow"} if is_mlflow_healthy(instance) else set()
    airflow = _get(f"{instance.airflow_url}/api/v2/monitor/health")
    if airflow is not None:
        answer = json.loads(airflow)
        ready |= {"api-server"} if (answer.get("metadatabase") or {}).get("status") == "healthy" else set()
        ready |= {name for name in _HEARTBEATS if _beats(name, answer, report)}
    return frozenset(ready & set(report.services))


def is_mlflow_healthy(instance: Instance) -> bool:
    """Return whether MLflow answers at the instance's port."""
    return _get(f"{instance.mlflow_url}/health") is not None


def _beats(name: str, answer: dict[str, Any], report: SupervisorReport) -> bool:
    """Return whether the service sent a heartbeat since its start.

    Older ones are of a killed process.
    """
    section, field = _HEARTBEATS[name]
    reported = answer.get(section) or {}
    service = report.services.get(name)
    if reported.get("status") != "healthy" or not reported.get(field) or service is None:
        return False
    return datetime.fromisoformat(reported[field]).timestamp() >= service.started


def _get(url: str) -> bytes | None:
    try:
        with _DIRECT.open(url, timeout=5) as answer:
            body: bytes = answer.read()
            return body
    except (urllib.error.URLError, OSError, ValueError):
        return None
