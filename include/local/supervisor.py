"""Run all local services; `up` starts this.

Call: `python -m include.local.supervisor CONFIGURATION`. The process runs supervisord, writes the state of each service
into a file, and at SIGTERM or SIGINT ends every process of the instance, even grandchildren in other sessions or
process groups.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from supervisor import events
from supervisor.options import ServerOptions
from supervisor.states import getProcessStateDescription
from supervisor.supervisord import Supervisor

from include.local import processes
from include.local.environment import MARK
from include.local.instance import Instance
from include.local.private_files import UMASK
from include.settings import REPOSITORY

CONFIGURATION = REPOSITORY / "config" / "supervisord.conf"


@dataclass(frozen=True)
class SupervisedService:
    """State of one service."""

    state: str
    """supervisord's state: STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, …"""
    pid: int
    started: float
    """Start time of its process, in seconds since the epoch."""
    deaths: int
    """Number of times that it ended by itself."""


@dataclass(frozen=True)
class SupervisorReport:
    """Content of the state file."""

    supervisor: int
    services: dict[str, SupervisedService]


def read_report(instance: Instance) -> SupervisorReport | None:
    """Return the report of the running supervisor of `instance`; None if none runs."""
    try:
        raw = json.loads(instance.state_file.read_text())
    except (OSError, ValueError):
        return None
    report = SupervisorReport(
        raw["supervisor"], {name: SupervisedService(**service) for name, service in raw["services"].items()}
    )
    return report if processes.is_alive(report.supervisor, instance.home) else None


class _Parent(Supervisor):
    """supervisord that writes each change of a service into a file.

    It has no socket or port.
    """

    def __init__(self, options: ServerOptions, state_file: Path) -> None:
        super().__init__(options)
        self.state_file = state_file
        self.services: dict[str, SupervisedService] = {}

    def runforever(self) -> None:
        events.subscribe(events.ProcessStateEvent, self.note)
        self.write()
        super().runforever()

    def note(self, event: events.ProcessStateEvent) -> None:
        process = event.process
        name = process.config.name
        before = self.services.get(name)
        begins = isinstance(event, events.ProcessStateStartingEvent)
        died = isinstance(event, events.ProcessStateBackoffEvent | events.ProcessStateExitedEvent)
        self.services[name] = SupervisedService(
            state=getProcessStateDescription(process.state),
            pid=process.pid,
            started=time.time() if before is None or begins else before.started,
            deaths=(before.deaths if before else 0) + int(died),
        )
        self.write()

    def write(self) -> None:
        draft = self.state_file.with_suffix(".draft")
        try:
            draft.write_text(json.dumps(asdict(SupervisorReport(os.getpid(), self.services))))
            draft.replace(self.state_file)
        except OSError as error:  # a full disk is no reason to lose the services
            self.options.logger.warn(f"cannot write {self.state_file}: {error}")


def main() -> None:
    os.umask(UMASK)  # every service and task inherits it
    home = Path(os.environ[MARK])
    options = ServerOptions()
    options.realize(["-n", "-c", sys.argv[1]])
    options.first, options.test = True, False
    try:
        _Parent(options, home / "run" / "services.json").main()
    finally:
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)  # already stopping; a second Ctrl-C must not interrupt the sweep
        processes.sweep(home)
        (home / "run" / "services.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
