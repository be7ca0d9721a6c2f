"""Debian's packages: what the machine lacks, an engine unpacked into a folder, and base images by debootstrap."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from compose_check.errors import CannotRunError, CommandFailedError
from compose_check.shell import run, say

MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
RELEASE = "trixie"
"""The first release of Debian that has Docker Compose 2; its programs run on bookworm too."""
ENGINE = ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "containerd")
HOST = {
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "iptables": "iptables",
    "nft": "nftables",
    "runc": "runc",
    "tini": "tini",
}
"""Programs that the machine itself needs, each with its package."""


def install_missing(
    purpose: str, inherited: Mapping[str, str] = os.environ, *, user: int | None = None, keyring: Path = KEYRING
) -> None:
    """Install the programs of HOST that the machine lacks; `purpose` begins the message where that is impossible.

    `user` is the id of the account that would install them; by default, that of this process.

    Raises:
        CannotRunError: this is no Debian, nobody with the right to install, or apt fails.
    """
    path = inherited.get("PATH")
    if not shutil.which("apt-get", path=path) or not shutil.which("dpkg-deb", path=path) or not keyring.exists():
        raise CannotRunError(f"{purpose} from packages only on Debian.", lacks="Debian")
    if os.geteuid() if user is None else user:
        message = f"{purpose} by root alone: run it as root, or start a Docker that can fetch images."
        raise CannotRunError(message, lacks="root")
    missing = sorted({package for program, package in HOST.items() if not shutil.which(program, path=path)})
    if not missing:
        return
    say(f"installs {', '.join(missing)}")
    environment = {**inherited, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(["apt-get", "update", "-qq"], environment=environment)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing], environment=environment)
    except CommandFailedError as error:
        raise CannotRunError(f"{purpose} with {', '.join(missing)}, which apt cannot install: {error}") from None


def unpack_engine(downloads: Path, folder: Path) -> None:
    """Unpack the engine's packages below `folder`, fetched into `downloads` unless they are there.

    Nothing is installed: apt gets a configuration of its own, which knows no package of this machine.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    if not all(list(downloads.glob(f"{name}_*.deb")) for name in ENGINE):
        say(f"fetches {', '.join(ENGINE)} of Debian {RELEASE}")
        _fetch(downloads)
    for name in ENGINE:
        run(["dpkg-deb", "-x", max(downloads.glob(f"{name}_*.deb")), folder])


def _fetch(downloads: Path) -> None:
    apt = downloads / "apt"
    for each in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"):
        (apt / each).mkdir(parents=True, exist_ok=True)
    (apt / "state" / "status").touch()
    (apt / "etc" / "sources.list").write_text(f"deb [signed-by={KEYRING}] {MIRROR} {RELEASE} main\n")
    settings = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "state" / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc": apt / "etc",
        "APT::Sandbox::User": "root",
    }
    configuration = apt / "apt.conf"
    configuration.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    environment = {**os.environ, "APT_CONFIG": str(configuration)}
    try:
        run(["apt-get", "update", "-qq"], environment=environment)
        run(["apt-get", "download", "-qq", *ENGINE], environment=environment, folder=downloads)
    except CommandFailedError as error:
        raise CannotRunError(f"no Docker engine answers, and Debian's cannot be fetched: {error}") from None
    shutil.rmtree(apt)


def make_base(release: str, packages: str, archive: Path, scratch: Path) -> None:
    """Write an archive of a small Debian with these packages (names separated by commas), unless it is there."""
    if archive.exists():
        return
    say(f"makes a Debian {release} by debootstrap")
    archive.parent.mkdir(parents=True, exist_ok=True)
    root = scratch / release
    # What a power cut leaves half made is thrown away: dpkg need not wait for the disk after each file.
    environment = {**os.environ, "DPKG_FORCE": "unsafe-io"}
    try:
        run(
            ["debootstrap", "--variant=minbase", f"--include={packages}", release, root, MIRROR],
            environment=environment,
        )
    except CommandFailedError as error:
        raise CannotRunError(
            f"the images cannot be fetched, and no base for substitutes can be made: {error}"
        ) from None
    # What this machine trusts, the builds must trust too: a proxy may sign what it hands on.
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
    if not (root / "usr/bin/python").exists() and (root / "usr/bin/python3").exists():
        (root / "usr/bin/python").symlink_to("python3")
    draft = archive.with_suffix(".draft")
    run(["tar", "-C", root, "-cf", draft, "."])
    draft.replace(archive)
    shutil.rmtree(root)
