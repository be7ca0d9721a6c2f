"""Call Airflow's public REST API, for the demo and the end-to-end tests."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from include.declaration.period import HOUR, Period
from include.errors import AirworthyError

PAGE = 100
"""Rows per page, the server's maximum."""
BACKFILL_NOTICED_S = 600.0
CONNECT_S, ANSWER_S = 60.0, 1200.0
"""Timeouts of a connection and an answer: long, for busy machines. A stopped server refuses the connection at once."""
FINISHED = frozenset({"success", "failed"})


class AirflowRefusedError(AirworthyError):
    """Airflow answered a request with an error."""

    def __init__(self, request: str, answer: httpx.Response) -> None:
        self.request = request
        super().__init__(f"Airflow refused {request} with {answer.status_code}: {answer.text[:500]}")


class AirflowUnreachableError(AirworthyError):
    """Airflow does not answer."""

    retryable = True

    def __init__(self, address: str, cause: Exception) -> None:
        self.address = address
        super().__init__(
            f"Airflow at {address} does not answer ({type(cause).__name__}: {cause})."
            " See `make status`; start it with `make up`."
        )


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG."""

    run_id: str
    run_type: str
    state: str
    partition_key: str | None


@dataclass
class AirflowClient:
    """The API of one Airflow, as one user.

    Methods raise AirflowRefusedError or AirflowUnreachableError.
    """

    address: str
    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        self._client = httpx.Client(base_url=self.address, timeout=timeout, trust_env=False)
        self._log_in()

    def _log_in(self) -> None:
        answer = self._send("POST", "/auth/token", json={"username": self.user, "password": self.password})
        if answer.is_error:
            raise AirflowRefusedError("POST /auth/token", answer)
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    @property
    def token(self) -> str:
        """Return the user's token."""
        return str(self._client.headers["Authorization"]).removeprefix("Bearer ")

    def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Send a request below /api/v2; log in again if the token has expired."""
        answer = self._send(method, f"/api/v2{path}", **arguments)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self._send(method, f"/api/v2{path}", **arguments)
        if answer.is_error:
            raise AirflowRefusedError(f"{method} {path}", answer)
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise AirflowUnreachableError(self.address, error) from error

    def has_dag(self, dag_id: str) -> bool:
        """Return whether Airflow has parsed that DAG."""
        try:
            self.call("GET", f"/dags/{dag_id}")
        except AirflowRefusedError:
            return False
        return True

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG; a paused DAG runs neither backfills nor manual runs."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def mark_favorite(self, dag_id: str) -> None:
        """List a DAG on the user's home page; nothing changes if it is there."""
        if not self.call("GET", f"/dags/{dag_id}/details").get("is_favorite"):
            self.call("POST", f"/dags/{dag_id}/favorite")

    def backfill(self, dag_id: str, first: Period, last: Period, *, again: str = "failed", at_once: int = 8) -> None:
        """Create the runs of a range of periods.

        Existing runs are repeated only if failed (or as `again`). Airflow allows one backfill of a DAG at a time, and
        takes half a minute to notice its end.
        """
        deadline = time.monotonic() + BACKFILL_NOTICED_S
        while self.has_lingering_backfill(dag_id) and time.monotonic() < deadline:
            time.sleep(1)
        body = {"dag_id": dag_id, "from_date": _bound(first), "to_date": _bound(last)}
        self.call("POST", "/backfills", json=body | {"reprocess_behavior": again, "max_active_runs": at_once})

    def has_lingering_backfill(self, dag_id: str) -> bool:
        """Return whether a backfill's runs ended, unnoticed by Airflow."""
        found = self.call("GET", "/backfills", params={"dag_id": dag_id, "limit": PAGE, "order_by": "-id"})["backfills"]
        over = all(run.state in FINISHED for run in self.runs(dag_id) if run.run_type == "backfill")
        return over and any(item["completed_at"] is None for item in found)

    def trigger(
        self, dag_id: str, *, conf: Mapping[str, Any] | None = None, partition_key: str | None = None, note: str = ""
    ) -> DagRun:
        """Start a manual run."""
        body = {"logical_date": None, "conf": dict(conf or {}), "partition_key": partition_key, "note": note or None}
        return _run(self.call("POST", f"/dags/{dag_id}/dagRuns", json=body))

    def get_run(self, dag_id: str, run_id: str) -> DagRun:
        """Return a run in its current state."""
        return _run(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}"))

    def runs(self, dag_id: str) -> list[DagRun]:
        """Return all runs of a DAG, in order of creation."""
        found: list[DagRun] = []
        while True:
            query: dict[str, str | int] = {"limit": PAGE, "offset": len(found), "order_by": "id"}
            page = self.call("GET", f"/dags/{dag_id}/dagRuns", params=query)
            found += [_run(item) for item in page["dag_runs"]]
            if not page["dag_runs"] or len(found) >= page["total_entries"]:
                return found

    def states(self, dag_id: str, first: Period, last: Period) -> Counter[str]:
        """Count the days of a range by the state of their newest run."""
        newest = {run.partition_key: run.state for run in self.runs(dag_id)}
        return Counter(state for key, state in newest.items() if key and str(first) <= key <= str(last))

    def failures(self, dag_id: str, run_id: str) -> list[str]:
        """Return the failed tasks of a run, each with the last error of its log."""
        tasks = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return [
            f"{item['task_id']}: {self._last_error(dag_id, run_id, item)}"
            for item in tasks
            if item["state"] == "failed"
        ]

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return the result of a task."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.call("GET", path, params={"deserialize": True})["value"]

    def _last_error(self, dag_id: str, run_id: str, task: Mapping[str, Any]) -> str:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        lines = self.call("GET", path, params={"full_content": True}, headers={"Accept": "application/json"})["content"]
        errors = [line for line in lines if isinstance(line, dict) and line.get("error_detail")]
        if not errors:
            return "see its log"
        last = errors[-1]["error_detail"][-1]
        return f"{last.get('exc_type')}: {last.get('exc_value')}"


def _bound(period: Period) -> str:
    """Return the bound of a backfill as an instant: the hour, or the first day."""
    return period.backfill_bound if period.unit is HOUR else f"{period.backfill_bound}T00:00:00Z"


def _run(item: Mapping[str, Any]) -> DagRun:
    return DagRun(item["dag_run_id"], item["run_type"], item["state"], item["partition_key"])
