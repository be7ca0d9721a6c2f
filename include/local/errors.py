"""What can go wrong with the local services, said to the operator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from include.errors import AirworthyError


class InvalidSettingError(AirworthyError):
    """An environment variable that cannot be meant."""

    def __init__(self, name: str, value: str, want: str) -> None:
        super().__init__(f"{name} is {value!r}: give {want}. Nothing was started.")


class PortTakenError(AirworthyError):
    """Somebody else listens where a service should."""

    def __init__(self, service: str, port: int, setting: str) -> None:
        super().__init__(
            f"Port {port} for {service} is taken. Stop what listens there, or choose another port:"
            f" {setting}={port + 10} make up. Nothing was started."
        )


class StartedElsewhereError(AirworthyError):
    """Two `up` of one instance at once."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"Another `make up` of {home} is at work; wait for it, or stop it with `make down`.")


class DemoRunningError(AirworthyError):
    """Two demos of one instance at once."""

    def __init__(self, home: Path) -> None:
        super().__init__(
            f"Another `make demo` of {home} is running. Wait for it; or stop it, and run `make demo` again to continue."
        )


class ServiceDiedError(AirworthyError):
    """A service, or a preparation for it, ended by itself."""

    def __init__(self, what: str, log: Path, lines: Sequence[str]) -> None:
        last = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
        super().__init__(f"{what} did not start; its log ends with:\n{last}\nAll of it: {log}. Nothing runs now.")


class NotHealthyError(AirworthyError):
    """Services that run but never became ready."""

    def __init__(self, services: Sequence[str], seconds: float, logs: Path) -> None:
        super().__init__(
            f"Not ready after {seconds:.0f} s: {', '.join(services)}. All was stopped again; the logs are in {logs}."
        )


class ProcessesLeftError(AirworthyError):
    """Processes that even SIGKILL did not end."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(
            f"These processes do not end: {', '.join(map(str, pids))}. Look at them with: ps -fp {pids[0]}"
        )
