"""Runs the targets that take too long for every change, and writes what came of each to docs/verified.md.

    nightly.py TARGET…        `make nightly` names all; one alone renews its own line

Only the standard library. A target that fails does not keep the next from running.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "verified.md"
HEAD = """# What was verified, when and on what

The last run of each target that takes too long for every change. `make nightly` runs them all and writes this page, and
`make nightly TARGETS="drills integration"` those. A result is of the commit named in its line, and of no later one.

| target | result | commit | date | took | machine |
|---|---|---|---|---|---|
"""
SUMMARY = re.compile(
    r"^=*\s*((?:\d+ (?:failed|passed|skipped|deselected|xfailed|errors?|warnings?|rerun)(?:, )?)+) in [\d.]+s"
)
"""The last line of pytest; the number of tests is worth more than a word."""


@dataclass(frozen=True)
class Result:
    """What came of one target."""

    target: str
    result: str
    commit: str
    date: str
    took: str
    machine: str

    def line(self) -> str:
        """Return its line of the table."""
        return (
            "| "
            + " | ".join(f"`make {value}`" if name == "target" else value for name, value in asdict(self).items())
            + " |\n"
        )


def run(target: str, root: Path = ROOT) -> tuple[Result, bool]:
    """Run a target, its output shown as it comes; what came of it, and whether it passed."""
    started, last = time.monotonic(), ""
    with subprocess.Popen(
        ["make", target], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if found := SUMMARY.match(line):
                last = found[1]
    is_skipped = _count("skipped", last) > _count("passed", last)
    passed = process.returncode == 0 and not is_skipped
    words = "passed" if passed else f"**failed** (status {process.returncode})"
    if process.returncode == 0 and is_skipped:
        words = "**not run**: this machine lacks what it needs"
    minutes = (time.monotonic() - started) / 60
    result = f"{words}: {last}" if last else words
    return Result(
        target, result, commit(root), f"{datetime.now(UTC):%Y-%m-%d}", f"{minutes:.0f} min", machine()
    ), passed


def _count(outcome: str, summary: str) -> int:
    """Return how many tests had that outcome by pytest's last line."""
    found = re.search(rf"(\d+) {outcome}", summary)
    return int(found[1]) if found else 0


def commit(root: Path) -> str:
    """Return the commit of the checkout, and whether it was changed since."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    # The pages that targets write themselves are no change of what is verified.
    changed = [
        line
        for line in git("status", "--porcelain", "--untracked-files=all").splitlines()
        if not line.endswith(("drills.md", "verified.md"))
    ]
    return git("rev-parse", "--short", "HEAD") + (", changed" if changed else "")


def machine() -> str:
    """Return what it ran on: nothing that names a person's machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def kept(page: Path) -> dict[str, str]:
    """Return the lines that the page has, by target."""
    text = page.read_text() if page.exists() else ""
    return {found[1]: f"{found[0]}\n" for found in re.finditer(r"^\| `make ([a-z0-9-]+)` \|.*$", text, re.MULTILINE)}


def write(page: Path, lines: dict[str, str]) -> None:
    """Write the page, its lines in the order of their names."""
    page.write_text(HEAD + "".join(lines[target] for target in sorted(lines)))


def main(targets: list[str], root: Path = ROOT, page: Path = PAGE) -> int:
    """Run each; the page is written after each, so that an interruption loses nothing."""
    failed = []
    for number, target in enumerate(targets, start=1):
        sys.stdout.write(f"nightly: {number} of {len(targets)}: make {target}\n")
        result, passed = run(target, root)
        write(page, kept(page) | {target: result.line()})
        failed += [] if passed else [target]
    words = f"failed: {', '.join(failed)}" if failed else f"{len(targets)} targets passed"
    sys.stdout.write(f"nightly: {words}. docs/{page.name} has the results.\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
