"""What the checks of one run share, and what they measure."""

from __future__ import annotations

from dataclasses import dataclass, field

from compose_check.airflow import Airflow
from compose_check.sampler import Sampler
from compose_check.stack import Stack

USE_CASE = "flight_delays"


@dataclass
class Context:
    """The stack, its sampler, and what earlier checks leave for later ones."""

    stack: Stack
    sampler: Sampler
    volumes_before: frozenset[str]
    measured: dict[str, str] = field(default_factory=dict)
    """Figures for the documentation, by what they are."""
    killed: list[dict[str, str]] = field(default_factory=list)
    """Task instances whose worker was killed: `run` and `task`."""
    training: str = ""
    """Id of the run that trains."""
    _airflow: Airflow | None = None

    @property
    def airflow(self) -> Airflow:
        """The API, logged in with the password of `.env`."""
        if self._airflow is None:
            self._airflow = Airflow(self.stack.port, self.stack.secrets["AIRWORTHY_ADMIN_PASSWORD"])
        return self._airflow

    def log_in_again(self) -> None:
        """Forget the token: the services that gave it out are others now."""
        self._airflow = None

    def command_line(self, *arguments: str) -> str:
        """Run the project's command line in the worker, as docs/operate.md says, and return what it prints."""
        return self.stack.compose("exec", "--no-TTY", "worker", "airworthy", *arguments)
