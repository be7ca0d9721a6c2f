"""Errors of the local services, with what the operator should do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from include.errors import AirworthyError


class InvalidSettingError(AirworthyError):
    """An environment variable has an invalid value."""

    def __init__(self, name: str, value: str, want: str) -> None:
        self.name, self.value = name, value
        super().__init__(f"{name} is {value!r}: give {want}. Nothing was started.")


class PortTakenError(AirworthyError):
    """Another process listens on a service's port."""

    def __init__(self, service: str, port: int, setting: str) -> None:
        self.port, self.service, self.setting = port, service, setting
        super().__init__(
            f"Port {port} for {service} is taken. Stop the process that uses it, or choose another port:"
            f" {setting}={port + 10} make up. Nothing was started."
        )


class StartedElsewhereError(AirworthyError):
    """Two `up` of one instance run at the same time."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(f"Another `make up` of {home} is running; wait for it, or stop it with `make down`.")


class DemoRunningError(AirworthyError):
    """Two demos of one instance run at the same time."""

    def __init__(self, home: Path) -> None:
        self.home = home
        super().__init__(
            f"Another `make demo` of {home} is running. Wait for it, or stop it and run `make demo` again to continue."
        )


class ServiceDiedError(AirworthyError):
    """A service, or a step that prepares it, ended by itself."""

    def __init__(self, what: str, log: Path, lines: Sequence[str]) -> None:
        self.what, self.log = what, log
        last = "\n".join(f"    {line}" for line in lines) or "    (it is empty)"
        super().__init__(f"{what} did not start; its log ends with:\n{last}\nThe whole log: {log}. Nothing runs now.")


class NotHealthyError(AirworthyError):
    """Services run but did not become ready."""

    def __init__(self, services: Sequence[str], seconds: float, logs: Path) -> None:
        self.services, self.seconds, self.logs = services, seconds, logs
        super().__init__(
            f"Not ready after {seconds:.0f} s: {', '.join(services)}. All were stopped; the logs are in {logs}."
        )


class ProcessesLeftError(AirworthyError):
    """SIGKILL did not end some processes."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = pids
        super().__init__(
            f"These processes could not be stopped: {', '.join(map(str, pids))}. Inspect them with: ps -fp {pids[0]}"
        )
