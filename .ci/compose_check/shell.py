"""Run commands, wait for conditions, and say what is being done."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from compose_check.errors import CheckFailedError, CommandFailedError

STARTED = time.monotonic()
COMMAND_LIMIT_S = 3600.0
WAIT_LIMIT_S = 1800.0
"""Last limits: they end what hangs, and are far above what a busy machine takes."""
POLL_S = 1.0


def say(text: str) -> None:
    """Print a line of progress with the seconds since the start."""
    sys.stdout.write(f"[{time.monotonic() - STARTED:6.0f} s] {text}\n")
    sys.stdout.flush()


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    text: str | None = None,
    limit_s: float = COMMAND_LIMIT_S,
) -> str:
    """Run a command to its end and return what it wrote to standard output.

    Raises:
        CommandFailedError: it ended with another status than 0, or not within `limit_s` seconds.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            check=False,
            env=environment,
            cwd=folder,
            input="" if text is None else text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(words, f"did not end within {limit_s:.0f} s", str(error.stderr or "")) from None
    if done.returncode:
        raise CommandFailedError(words, f"ended with status {done.returncode}", done.stdout + done.stderr)
    return done.stdout


def succeeds(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> bool:
    """Return whether a command can be started and ends with status 0."""
    try:
        run(command, environment=environment, limit_s=1200)
    except (CheckFailedError, OSError):
        return False
    return True


def wait_until(condition: Callable[[], object], what: str, *, limit_s: float = WAIT_LIMIT_S) -> None:
    """Wait until the condition holds; CheckFailedError names what did not come about."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise CheckFailedError(f"Waited {limit_s:.0f} s for {what}, which did not come about.")
        time.sleep(POLL_S)
