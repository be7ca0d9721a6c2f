"""Determine the code, lock file and processor that train a model."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from include.declaration.use_case import UseCase
from include.registry import code_digest
from include.settings import REPOSITORY

UNKNOWN = "unknown"
_LOCK = "requirements.txt"


@dataclass(frozen=True)
class Provenance:
    """Code, libraries and kind of processor."""

    code: str
    """Digest of the code that can change the trees: equal after a commit that changes pages or texts."""
    commit: str
    """Git commit; followed by `+` and the digest of the code if the code has uncommitted changes."""
    lock: str
    """SHA-256 of requirements.txt."""
    processor: str


def current_provenance(use_case: UseCase, repository: Path = REPOSITORY) -> Provenance:
    """Return the provenance of the models that this process trains."""
    lock = repository / _LOCK
    return Provenance(
        code=code_digest.training_code_digest(use_case),
        commit=_commit(repository, code_files_digest(use_case.package, repository)),
        lock=hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else UNKNOWN,
        processor=f"{platform.system()} {platform.machine()}",
    )


@functools.cache
def code_files_digest(package: str, repository: Path) -> str:
    """Return the digest of all Python files of `include` and the use case.

    It identifies uncommitted code.
    """
    folders = [repository / "include", *map(Path, getattr(importlib.import_module(package), "__path__", []))]
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if folder is folders[0] or not path.is_relative_to(folders[0]):
                digest.update(f"{folder.name}/{path.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _commit(repository: Path, digest: str) -> str:
    """Return the commit in the environment or else of the checkout.

    An image has no .git; the environment says `unknown` if it was built without a commit.
    """
    if (named := os.environ.get("AIRWORTHY_COMMIT")) and named != UNKNOWN:
        return named
    commit = _git(repository, "rev-parse", "--verify", "HEAD")
    changed = _git(repository, "status", "--porcelain", "--", "include", _LOCK)
    return commit if commit and changed == "" else f"{commit or UNKNOWN}+{digest[:16]}"


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
