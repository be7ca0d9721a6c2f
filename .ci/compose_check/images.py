"""Images: those that docker-compose.yaml and the Dockerfile name, or substitutes where they cannot be fetched."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from compose_check import packages
from compose_check.engine import Engine
from compose_check.errors import CannotRunError, CommandFailedError
from compose_check.shell import say, succeeds

HERE = Path(__file__).resolve().parent / "images"
SERVICES = ("postgres", "redis", "s3")
NAME = "airworthy-check"
TAR_IMAGE = "debian:bookworm-slim"
"""In which docs/operate.md packs and unpacks the volume of S3."""


@dataclass(frozen=True)
class Images:
    """The images of one run; a service or base that is missing here is the one that the project names."""

    base: str = ""
    services: dict[str, str] | None = None
    tar: str = TAR_IMAGE

    @property
    def description(self) -> str:
        return "substitutes made of Debian's packages and PyPI's" if self.services else "those that the files name"

    def override(self, checkout: Path) -> str:
        """Return the file that changes docker-compose.yaml for a check: substitutes, and time for a busy machine.

        A service that is slow to start is given half an hour before it counts as unhealthy, which ends `up --wait`.
        """
        services: dict[str, dict[str, object]] = {
            name: {"healthcheck": {"start_period": "30m", "retries": 40}} for name in _watched(checkout)
        }
        for name, image in (self.services or {}).items():
            services[name] |= {"image": image, "pull_policy": "never"}
        if self.base:
            services["init"] = {"build": {"args": {"BASE": self.base}}}
        return json.dumps({"services": services}, indent=2)  # which is YAML too


def _watched(checkout: Path) -> list[str]:
    """Return the services of docker-compose.yaml that have a health check."""
    text = (checkout / "docker-compose.yaml").read_text()
    return re.findall(r"^  ([a-z0-9-]+):\n(?:(?:    .*)?\n)*?    healthcheck:\n      test:", text, re.MULTILINE)


def named_images(checkout: Path) -> dict[str, str]:
    """Return the image of each service that is not ours, and the Dockerfile's base as `base`."""
    compose, dockerfile = (checkout / "docker-compose.yaml").read_text(), (checkout / "Dockerfile").read_text()
    pattern = r"^  ([a-z0-9]+):\n(?:    .*\n)*?    image: (\S+@sha256:\S+)$"
    found = dict(re.findall(pattern, compose, re.MULTILINE))
    [base] = re.findall(r"^ARG BASE=(\S+)$", dockerfile, re.MULTILINE)
    return {**found, "base": base}


def prepare_images(engine: Engine, checkout: Path, cache: Path, scratch: Path) -> Images:
    """Fetch the images that the project names, or make substitutes in that engine.

    Raises:
        CannotRunError: neither is possible here.
    """
    named = named_images(checkout)
    environment = engine.environment
    # The smallest first: where it cannot be fetched, the others need not be tried.
    if not engine.own and all(
        succeeds(["docker", "pull", "-q", named[each]], environment=environment) for each in named
    ):
        return Images()
    if not engine.own:
        packages.install_missing("the engine cannot fetch the images, and substitutes are made")
    version = named["s3"].partition("@")[0].rpartition(":")[2]
    bookworm = _base(engine, "bookworm", "python3,python3-venv,ca-certificates", cache, scratch)
    trixie = _base(engine, "trixie", "ca-certificates", cache, scratch)
    bases = {"postgres": trixie, "redis": trixie, "s3": bookworm}
    built = {name: _substitute(engine, name, bases[name], version, cache) for name in SERVICES}
    return Images(bookworm, built, bookworm)


def _base(engine: Engine, release: str, included: str, cache: Path, scratch: Path) -> str:
    name = f"{NAME}/{release}:base"
    if succeeds(["docker", "image", "inspect", name], environment=engine.environment):
        return name
    archive = cache / f"{release}.tar"
    packages.make_base(release, included, archive, scratch)
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    changes = (f"ENV {each}={certificates}" for each in ("SSL_CERT_FILE", "PIP_CERT"))
    engine.docker("import", *(word for change in changes for word in ("--change", change)), archive, name)
    return name


def _substitute(engine: Engine, service: str, base: str, version: str, cache: Path) -> str:
    """Build a service's substitute, or load the one that an earlier run kept; its name."""
    folder = HERE / service
    content = "".join(path.read_text() for path in sorted(folder.iterdir())) + base + version
    name = f"{NAME}/{service}:{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if succeeds(["docker", "image", "inspect", name], environment=engine.environment):
        return name
    kept = cache / f"{name.replace('/', '-').replace(':', '-')}.tar"
    if kept.exists():
        engine.docker("load", "--quiet", "--input", kept)
        return name
    say(f"builds a substitute for {service}'s image")
    arguments = ("--build-arg", f"BASE={base}", "--build-arg", f"VERSION={version}")
    try:
        engine.docker("build", "--quiet", "--tag", name, *arguments, folder)
    except CommandFailedError as error:
        raise CannotRunError(f"the image of {service} cannot be fetched, nor a substitute made: {error}") from None
    draft = kept.with_suffix(".draft")
    engine.docker("save", "--output", draft, name)
    draft.replace(kept)
    return name
