"""Airflow's REST API, as an operator's program uses it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from compose_check.errors import CheckFailedError
from compose_check.shell import wait_until

FINISHED = frozenset({"success", "failed"})
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens addresses of this machine without a proxy."""


@dataclass
class Airflow:
    """The API as the user `admin`."""

    port: int
    password: str = field(repr=False)
    token: str = field(default="", repr=False)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> dict[str, Any]:
        """Send a request below /api/v2, logged in; CheckFailedError says what the server answered instead."""
        if not self.token:
            login = {"username": "admin", "password": self.password}
            self.token = str(self._send("POST", "/auth/token", login)["access_token"])
        suffix = f"?{urlencode(query)}" if query else ""
        return self._send(method, f"/api/v2{path}{suffix}", body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        request.add_header("Accept", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with DIRECT.open(request, timeout=1200) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")[:500]
            raise CheckFailedError(f"Airflow answered {method} {path} with {error.code}: {reason}") from None
        except OSError as error:
            raise CheckFailedError(f"Airflow does not answer {method} {path}: {error}") from None
        found: dict[str, Any] = json.loads(content) if content else {}
        return found

    def unpause(self, dag: str) -> None:
        self.call("PATCH", f"/dags/{dag}", {"is_paused": False})

    def backfill(self, dag: str, first: str, last: str) -> None:
        """Create the runs of those days, both included, once Airflow has noticed that an earlier backfill is over."""
        self.unpause(dag)

        def free() -> bool:
            found = self.call("GET", "/backfills", None, dag_id=dag, limit=100)["backfills"]
            return all(each["completed_at"] for each in found)

        wait_until(free, f"the end of the earlier backfill of {dag}")
        days = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z"}
        self.call("POST", "/backfills", {"dag_id": dag, **days, "reprocess_behavior": "failed", "max_active_runs": 8})

    def trigger(self, dag: str, **form: object) -> str:
        """Start a run by hand with that form, and return its id."""
        self.unpause(dag)
        return str(self.call("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": form})["dag_run_id"])

    def runs(self, dag: str) -> dict[str, dict[str, Any]]:
        """Return the runs of a DAG by their ids."""
        found = self.call("GET", f"/dags/{dag}/dagRuns", limit=100)["dag_runs"]
        return {run["dag_run_id"]: run for run in found}

    def states(self, dag: str, first: str, last: str) -> Counter[str]:
        """Return how many runs of the days from `first` to `last` are in which state."""
        runs = self.runs(dag).values()
        return Counter(run["state"] for run in runs if first <= (run["partition_key"] or "") <= last)

    def tasks(self, dag: str, run: str = "~", **query: Any) -> list[dict[str, Any]]:
        """Return the task instances of a run, or of every run."""
        path = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances"
        found: list[dict[str, Any]] = self.call("GET", path, None, limit=100, **query)["task_instances"]
        return found

    def log(self, dag: str, run: str, task: str, attempt: int) -> str:
        """Return the log of one try, as the API gives it."""
        path = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/logs/{attempt}"
        lines = self.call("GET", path, full_content="true")["content"]
        return "\n".join(json.dumps(line) if isinstance(line, dict) else str(line) for line in lines)

    def wait_for_days(self, dag: str, first: str, last: str, days: int) -> None:
        """Wait until a run of each day has ended; CheckFailedError with the failed tasks unless all succeeded."""

        def ended() -> bool:
            return sum(count for state, count in self.states(dag, first, last).items() if state in FINISHED) >= days

        wait_until(ended, f"the runs of {dag} from {first} to {last}", limit_s=5400)
        if set(self.states(dag, first, last)) != {"success"}:
            raise CheckFailedError(f"{dag}: {dict(self.states(dag, first, last))}\n{self._failures(dag)}")

    def wait_for_run(self, dag: str, run: str) -> None:
        """Wait until a run has ended; CheckFailedError with the failed tasks unless it succeeded."""
        path = f"/dags/{dag}/dagRuns/{quote(run)}"
        wait_until(lambda: self.call("GET", path)["state"] in FINISHED, f"the run {run} of {dag}", limit_s=5400)
        if self.call("GET", path)["state"] != "success":
            raise CheckFailedError(f"The run {run} of {dag} failed.\n{self._failures(dag)}")

    def _failures(self, dag: str) -> str:
        failed = self.tasks(dag, state="failed")
        return "\n".join(
            f"{task['task_id']} of {task['dag_run_id']}, try {task['try_number']}: …"
            + self.log(dag, task["dag_run_id"], task["task_id"], task["try_number"])[-1500:]
            for task in failed[:3]
        )
