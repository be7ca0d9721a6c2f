"""Threads and memory of each service through the run, read from the control groups of its containers."""

from __future__ import annotations

import subprocess
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from compose_check.stack import Stack

EVERY_S = 0.5
LOOK_EVERY = 20
"""Samples after which the list of containers is read again."""
CGROUPS = Path("/sys/fs/cgroup")


@dataclass
class Usage:
    """The most that a service's containers had at once."""

    pids: int = 0
    pids_limit: int = 0
    refused: int = 0
    """Threads and processes that the limit refused."""
    memory_bytes: int = 0
    """Anonymous memory (RSS), without the files that the kernel keeps for it."""


@dataclass
class Sampler:
    """Samples in a thread of its own, from `start` until `stop`."""

    stack: Stack
    usage: dict[str, Usage] = field(default_factory=lambda: defaultdict(Usage))
    _groups: dict[int, str] = field(default_factory=dict)
    """Process of a container to its service."""

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.ident:
            self._thread.join()

    def _sample(self) -> None:
        count = 0
        while not self._ended.wait(EVERY_S):
            if count % LOOK_EVERY == 0:
                self._groups = self._containers()
            count += 1
            for pid, service in self._groups.items():
                self._note(pid, service)

    def _containers(self) -> dict[int, str]:
        """Return the main process of each running container of the project, with its service."""
        label = "com.docker.compose.service"
        listed = ["ps", "--quiet", "--filter", f"label=com.docker.compose.project={self.stack.project}"]
        ids = self._docker(*listed).split()
        shown = self._docker("inspect", "--format", f'{{{{.State.Pid}}}} {{{{index .Config.Labels "{label}"}}}}', *ids)
        pairs = [line.split() for line in shown.splitlines()] if ids else []
        return {int(pair[0]): pair[1] for pair in pairs if len(pair) == 2 and pair[0] != "0"}

    def _docker(self, *arguments: str) -> str:
        """Ask the engine; a container that ends meanwhile is no error here."""
        command = ["docker", *arguments]
        return subprocess.run(
            command, check=False, env=self.stack.engine.environment, capture_output=True, text=True
        ).stdout

    def _note(self, pid: int, service: str) -> None:
        usage = self.usage[service]
        try:
            pids, memory = group(pid, "pids"), group(pid, "memory")
            peak = pids / "pids.peak" if (pids / "pids.peak").exists() else pids / "pids.current"
            usage.pids = max(usage.pids, int(peak.read_text()))
            limit = (pids / "pids.max").read_text().strip()
            usage.pids_limit = 0 if limit == "max" else int(limit)
            usage.refused = max(usage.refused, int(_value(pids / "pids.events", "max")))
            statistics = memory / "memory.stat"
            resident = _value(statistics, "anon") or _value(statistics, "total_rss")
            usage.memory_bytes = max(usage.memory_bytes, resident)
        except (OSError, ValueError):
            return  # the container has ended meanwhile


def group(pid: int, controller: str) -> Path:
    """Return the control group of a process for a controller, in either version of control groups."""
    unified = None
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return CGROUPS / controller / path.lstrip("/")
        if not controllers:
            unified = CGROUPS / path.lstrip("/")
    if unified is None:
        raise ValueError(f"process {pid} is in no control group of {controller}")
    return unified


def _value(file: Path, name: str) -> int:
    """Return the number after a name in a file of pairs; 0 where it is not there."""
    for line in file.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
