"""A Docker engine: the one that answers, or one of this check's own from Debian's packages."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from compose_check import packages
from compose_check.errors import CannotRunError
from compose_check.host_state import CGROUPS, HostState
from compose_check.shell import run, say, succeeds

START_LIMIT_S = 1200.0
STOP_LIMIT_S = 1200.0
SERVICES = 10
PROGRAMS = ("dockerd", "containerd", "containerd-shim-runc-v2", "docker-proxy")


@dataclass
class Engine:
    """How to reach an engine, and, where it is one of our own, its process and what it changed."""

    description: str
    environment: dict[str, str]
    own: bool = False
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    before: HostState | None = None
    cgroup: str = ""
    left_behind: list[str] = field(default_factory=list)

    def docker(self, *arguments: str | Path, text: str | None = None) -> str:
        """Run `docker …` and return what it prints."""
        return run(["docker", *arguments], environment=self.environment, text=text).strip()

    def stop(self) -> None:
        """End an engine of our own, and put the machine back as it was; another engine is left running."""
        if self.process is None or self.folder is None or self.before is None:
            return
        say("stops its engine")
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        _end_processes(self.folder)
        self.before.restore(self.cgroup, self.folder)
        self.left_behind = self.before.differences(self.cgroup)
        self.left_behind += [f"process {pid}" for pid in _processes(self.folder)]


def find_engine(downloads: Path, folder: Path, inherited: Mapping[str, str] = os.environ) -> Engine:
    """Return the engine that answers, or bring one whose data are below `folder`.

    `inherited` has the PATH on which programs are found, and what tells Docker's client where its engine is.

    Raises:
        CannotRunError: none answers, and none can be brought here.
    """
    environment = dict(inherited)
    if succeeds(["docker", "info"], environment=environment):
        if not succeeds(["docker", "compose", "version"], environment=environment):
            message = "a Docker engine answers, but `docker compose` is missing: install its plugin."
            raise CannotRunError(message, lacks="docker compose")
        version = run(["docker", "version", "--format", "{{.Server.Version}}"], environment=environment).strip()
        return Engine(f"Docker {version}, which was running", environment)
    packages.install_missing("no Docker engine answers, and one is brought", environment)
    return _start(downloads, folder)


def _start(downloads: Path, folder: Path) -> Engine:
    tools = folder / "tools"
    shutil.rmtree(tools, ignore_errors=True)
    tools.mkdir(parents=True)
    packages.unpack_engine(downloads, tools)
    environment = _environment(tools, folder)
    before = HostState.read()
    cgroup = f"compose-check-{os.getpid()}"
    prefix = _free_prefix()
    (folder / "dockerd.pid").unlink(missing_ok=True)
    command = [
        *("dockerd", "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        *("--pidfile", str(folder / "dockerd.pid"), "--host", environment["DOCKER_HOST"]),
        *("--storage-driver", _storage_driver(folder), "--cgroup-parent", f"/{cgroup}"),
        *("--bip", f"{prefix}.0.1/24", "--default-address-pool", f"base={prefix}.0.0/16,size=24"),
    ]
    say("starts an engine of its own")
    with (folder / "dockerd.log").open("wb") as log:
        # Its own session: Ctrl-C must reach this check alone, which then takes everything down in order.
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    engine = Engine("", environment, True, folder, process, before, cgroup)
    try:
        _weigh(cgroup)
        _wait_for(engine)
    except BaseException:
        engine.stop()
        raise
    version = engine.docker("version", "--format", "{{.Server.Version}}")
    compose = engine.docker("compose", "version", "--short")
    engine.description = f"Docker {version} and Compose {compose} of Debian {packages.RELEASE}, started for this check"
    return engine


def _environment(tools: Path, folder: Path) -> dict[str, str]:
    """The environment in which the unpacked programs find each other, and nothing of the person's own Docker."""
    programs = tools / "usr/bin"
    # Debian's newer runc needs a newer glibc than the oldest release that this runs on: the machine's own is used.
    (tools / "usr/sbin/runc").unlink(missing_ok=True)
    (programs / "docker-init").unlink(missing_ok=True)
    (programs / "docker-init").symlink_to(shutil.which("tini") or "tini")
    plugins = folder / "configuration/cli-plugins"
    shutil.rmtree(plugins, ignore_errors=True)
    plugins.mkdir(parents=True)
    for plugin in ("docker-compose", "docker-buildx"):
        [found] = [path for path in tools.rglob(plugin) if path.is_file() and "cli-plugins" in path.parts]
        (plugins / plugin).symlink_to(found)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    return {
        **inherited,
        "PATH": f"{tools / 'usr/sbin'}:{programs}:{os.environ['PATH']}:/usr/sbin:/sbin",
        "DOCKER_HOST": f"unix://{folder / 'docker.sock'}",
        "DOCKER_CONFIG": str(folder / "configuration"),
    }


def _weigh(cgroup: str) -> None:
    """Give the services the weight of as many processes as they are.

    Their common control group would have that of one, and on a busy machine a tenth of what each other process gets.
    """
    for group, file, weight in (
        (CGROUPS / "cpu" / cgroup, "cpu.shares", 1024 * SERVICES),
        (CGROUPS / cgroup, "cpu.weight", 100 * SERVICES),
    ):
        if (group.parent / "cgroup.procs").is_file():
            with suppress(OSError):  # only speed depends on it
                group.mkdir()
                (group / file).write_text(str(weight))


def _wait_for(engine: Engine) -> None:
    assert engine.process is not None and engine.folder is not None
    deadline = time.monotonic() + START_LIMIT_S
    while not succeeds(["docker", "info"], environment=engine.environment):
        if engine.process.poll() is not None or time.monotonic() > deadline:
            log = (engine.folder / "dockerd.log").read_text(errors="replace").strip().splitlines()
            raise CannotRunError("no Docker engine answers, and one of its own did not start: " + "\n".join(log[-5:]))
        time.sleep(0.5)


def _storage_driver(folder: Path) -> str:
    """overlay2 where the folder's file system can carry it, else copies."""
    for name in ("lower", "upper", "work", "merged"):
        (folder / "probe" / name).mkdir(parents=True, exist_ok=True)
    probe = folder / "probe"
    options = f"lowerdir={probe}/lower,upperdir={probe}/upper,workdir={probe}/work"
    works = succeeds(["mount", "-t", "overlay", "overlay", "-o", options, probe / "merged"])
    if works:
        run(["umount", probe / "merged"])
    shutil.rmtree(probe)
    return "overlay2" if works else "vfs"


def _free_prefix() -> str:
    """The first half of addresses for the engine's networks, to which the machine has no route."""
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    taken = {bytes.fromhex(line.split()[1])[::-1][:2] for line in routes}
    for second in range(31, 17, -1):
        if bytes([172, second]) not in taken:
            return f"172.{second}"
    raise CannotRunError("the machine has a route to each of 172.18 to 172.31: no address is free for networks.")


def _processes(folder: Path) -> list[int]:
    """Processes that name the engine's folder on their command line: dockerd, containerd and its shims."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            named = any(f"{folder}/" in word for word in words) or str(folder) in _folder_of(path.parent)
            if words[0].rpartition("/")[2] in PROGRAMS and named:
                found.append(int(path.parent.name))
    return found


def _folder_of(process: Path) -> str:
    """A process's working folder: that of a shim lies below the engine's."""
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""


def _end_processes(folder: Path) -> None:
    """Kill what an engine that ended by force has left running."""
    for pid in _processes(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while _processes(folder) and time.monotonic() < deadline:
        time.sleep(0.2)
