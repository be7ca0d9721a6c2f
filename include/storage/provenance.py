"""What made a model besides data and parameters: the code, the lock file, the processor."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from include.settings import REPOSITORY
from include.use_case import UseCase

UNKNOWN = "unknown"
_TRAINED_BY = ("include", "requirements.txt")
"""What a model depends on: a changed page of documentation makes no other model."""


@dataclass(frozen=True)
class Provenance:
    """Which code and libraries, on what kind of processor."""

    commit: str
    """Git commit, with `+` and a digest of the source where that is not exactly what is committed."""
    lock: str
    """SHA-256 of requirements.txt."""
    processor: str


def current(use_case: UseCase, repository: Path = REPOSITORY) -> Provenance:
    """The provenance of whatever this process trains."""
    lock = repository / "requirements.txt"
    return Provenance(
        commit=_commit(use_case, repository),
        lock=hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else UNKNOWN,
        processor=f"{platform.system()} {platform.machine()}",
    )


ROWS_PER_THREAD = 250_000
"""Fewer rows than this are not worth a second thread: of 44,000 flights on two busy cores, two threads (which wait for
each other at every split) took 17 s and one 1.6 s, for the same trees."""


def threads(rows: int) -> int:
    """Threads that pay for that many rows; never more than there are cores. They change no tree and no prediction."""
    return min(_cores(), 1 + rows // ROWS_PER_THREAD)


def _cores() -> int:
    """Cores that this process may really use: its affinity, cut by a container's quota."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(available, int(quota) // int(period)))
    except (OSError, ValueError):  # no such limit here, or the quota is "max"
        return available


def _commit(use_case: UseCase, repository: Path) -> str:
    """The commit that the environment names (an image has no .git), or the checkout's."""
    if named := os.environ.get("AIRWORTHY_COMMIT"):
        return named
    commit = _git(repository, "rev-parse", "--verify", "HEAD")
    changed = _git(repository, "status", "--porcelain", "--", *_TRAINED_BY)
    if commit and changed == "":
        return commit
    # Two states of uncommitted code must not pass for one: a model of the first would be handed out for the second.
    folders = {repository / "include", *_package(use_case)}
    return f"{commit or UNKNOWN}+{_digest(path for folder in folders for path in folder.rglob('*.py'))}"


def _package(use_case: UseCase) -> list[Path]:
    module = importlib.import_module(use_case.package)
    return [Path(where) for where in getattr(module, "__path__", [])]


def _git(repository: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        digest.update(str(path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path.name).encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
