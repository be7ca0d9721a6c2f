"""The composed services of one run: a copy of the checkout, its `.env`, and commands to compose."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from compose_check.engine import Engine
from compose_check.errors import CheckFailedError, CommandsMissingError, require
from compose_check.images import TAR_IMAGE, Images
from compose_check.shell import run

UP = ("up", "--detach", "--wait", "--wait-timeout", "1800")
SETTING = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Stack:
    """Services under a project name of their own, so that no other project of the engine is touched."""

    engine: Engine
    images: Images
    folder: Path
    """A copy of the checkout, with its own `.env`."""
    project: str
    port: int

    @classmethod
    def copy(cls, engine: Engine, images: Images, checkout: Path, folder: Path) -> Stack:
        """Copy the files of the checkout that git knows or would add, and write the override for substitutes."""
        names = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], folder=checkout).split(
            "\0"
        )
        for name in filter(None, names):
            source, target = checkout / name, folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
        (folder / "compose-check.yaml").write_text(images.override(checkout))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        return cls(engine, images, folder, f"airworthy-check-{os.getpid()}", port)

    @property
    def environment(self) -> dict[str, str]:
        """What commands of the documentation get in addition to `.env`."""
        return {
            # A secret that the shell has exported would win over `.env`.
            **{name: value for name, value in self.engine.environment.items() if name not in self.secrets},
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": "docker-compose.yaml:compose-check.yaml",
            "AIRWORTHY_TAG": self.project,
            "AIRWORTHY_AIRFLOW_PORT": str(self.port),
            "AIRWORTHY_COMMIT": "compose-check",
        }

    @property
    def secrets(self) -> dict[str, str]:
        """The settings of `.env` as they are now; none before `make env`."""
        file = self.folder / ".env"
        return dict(SETTING.findall(file.read_text())) if file.exists() else {}

    @property
    def image(self) -> str:
        return f"airworthy:{self.project}"

    def make_env(self) -> None:
        """Run `make env` in the copy."""
        run(["make", "--silent", "env", f"PYTHON={sys.executable}"], folder=self.folder)

    def set_secrets(self, values: dict[str, str]) -> None:
        """Change settings in `.env`, as an operator does in an editor."""
        file = self.folder / ".env"
        file.write_text(SETTING.sub(lambda found: f"{found[1]}={values.get(found[1], found[2])}", file.read_text()))

    def compose(self, *arguments: str, text: str | None = None) -> str:
        """Run `docker compose …` in the copy, and return what it prints."""
        command = ["docker", "compose", *arguments]
        return run(command, environment=self.environment, folder=self.folder, text=text).strip()

    def up(self) -> None:
        """Start the services as documented, and wait until they are healthy; their last words where they are not."""
        try:
            self.compose(*UP)
        except CheckFailedError as error:
            states = self.compose("ps", "--all", "--format", "table {{.Service}}\t{{.State}}\t{{.Status}}")
            words = self.compose("logs", "--no-color", "--tail", "12")
            raise CheckFailedError(f"{error}\n{states}\n{words}") from None

    def documented(self, heading: str) -> None:
        """Run the commands that docs/operate.md shows below a heading, each line as it is written there.

        Only the names that the check has chosen differ: the project, and the image of `tar` where it is a substitute.
        """
        for line in documented_commands(self.folder / "docs" / "operate.md", heading):
            command = line.replace("airworthy_", f"{self.project}_").replace(TAR_IMAGE, self.images.tar)
            run(["bash", "-euo", "pipefail", "-c", command], environment=self.environment, folder=self.folder)

    def require_documented(self, *commands: str) -> None:
        """Raise CheckFailedError unless docs/operate.md shows each of these commands in its text."""
        text = (self.folder / "docs" / "operate.md").read_text()
        missing = [command for command in commands if f"`{command}`" not in text]
        require(not missing, f"docs/operate.md does not show {missing}, which this check runs.")

    def inside(self, service: str, script: str, *arguments: str) -> str:
        """Run a Python script in a running service's container, and return what it prints."""
        return self.compose("exec", "--no-TTY", service, "python", "-", *arguments, text=script)

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return self.compose("ps", "--quiet", service).splitlines()[0]

    def inspect(self, service: str, template: str) -> str:
        return self.engine.docker("inspect", "--format", template, self.container(service))

    def address(self, service: str) -> str:
        """Return a service's address on the inner network, as the host can reach it."""
        name = f"{self.project}_inside"
        return self.inspect(service, f'{{{{(index .NetworkSettings.Networks "{name}").IPAddress}}}}')

    def kill(self, service: str) -> None:
        """Kill a service's main process from the host: `docker kill` would count as a manual stop."""
        pid = int(self.inspect(service, "{{.State.Pid}}"))
        if os.geteuid() == 0:
            os.kill(pid, signal.SIGKILL)
        else:
            shared = ("--rm", "--privileged", "--pid=host", "--network=none", "--user=0", "--entrypoint=sh", self.image)
            self.engine.docker("run", *shared, "-c", f"kill -9 {pid}")

    def remove(self) -> None:
        """Remove containers, volumes and networks of the project, and the image that was built for it."""
        if not (self.folder / ".env").exists():
            return
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")
        substitutes = {self.images.base, *(self.images.services or {}).values()} - {""}
        # An engine of the check's own goes with its images, or is kept with them.
        self.engine.docker("image", "rm", "--force", self.image, *(() if self.engine.own else substitutes))


def documented_commands(page: Path, heading: str) -> list[str]:
    """Return the lines of the blocks of code below a heading of a page, up to the next heading."""
    commands: list[str] = []
    found = below = in_block = False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            in_block = not in_block
        elif line.startswith("#") and not in_block:
            below = line.lstrip("#").strip() == heading
            found = found or below
        elif below and in_block and line.strip() and not line.startswith("#"):
            commands.append(line)
    if not commands:
        raise CommandsMissingError(page.name, heading, is_there=found)
    return commands
