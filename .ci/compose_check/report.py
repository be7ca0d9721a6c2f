"""Run checks in their order, and say what came of each: lines of progress, a table, a file for programs."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from compose_check.context import Context
from compose_check.errors import CheckFailedError
from compose_check.sampler import Usage
from compose_check.shell import say

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


@dataclass(frozen=True)
class Check:
    """One check: its name, its function, and whether later ones make sense without it."""

    name: str
    function: Callable[[Context], str]
    essential: bool = False


@dataclass(frozen=True)
class Result:
    """What came of one check."""

    name: str
    outcome: str
    seconds: float
    detail: str


def run_checks(checks: Sequence[Check], context: Context, results: list[Result]) -> None:
    """Run each check and append its result; after an essential one that failed, the rest is not run."""
    for index, check in enumerate(checks):
        say(f"{check.name} …")
        started = time.monotonic()
        try:
            outcome, detail = PASSED, check.function(context)
        except CheckFailedError as error:
            outcome, detail = FAILED, str(error)
        results.append(Result(check.name, outcome, time.monotonic() - started, detail))
        say(f"{check.name}: {outcome}: {detail}")
        if outcome == FAILED and check.essential:
            results += [Result(rest.name, NOT_RUN, 0, f"without {check.name!r}") for rest in checks[index + 1 :]]
            return


def table(results: Sequence[Result]) -> str:
    """Return the results as a table, a line for each check."""
    width = max(len(result.name) for result in results)
    lines = [f"{result.name:{width}}  {result.outcome:7}  {result.seconds:6.0f} s" for result in results]
    counts = ", ".join(
        f"{sum(result.outcome == outcome for result in results)} {outcome}" for outcome in (PASSED, FAILED, NOT_RUN)
    )
    return "\n".join([*lines, counts])


def usage_table(usage: dict[str, Usage]) -> str:
    """Return the most memory and threads of each service as rows of Markdown."""
    rows = [
        f"| `{name}` | {each.memory_bytes / 2**20:.0f} MB | {each.pids} of {each.pids_limit or '–'} |"
        for name, each in sorted(usage.items())
    ]
    return "\n".join(["| service | memory (RSS) at most | threads at most |", "|---|---|---|", *rows])


def write_json(path: Path, results: Sequence[Result], context: Context | None, facts: dict[str, str]) -> None:
    """Write the results for programs."""
    found = {
        **facts,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}, Python {platform.python_version()}",
        "passed": bool(results) and all(result.outcome == PASSED for result in results),
        "checks": [asdict(result) for result in results],
        "usage": {name: asdict(each) for name, each in context.sampler.usage.items()} if context else {},
        "measured": context.measured if context else {},
    }
    path.write_text(json.dumps(found, indent=2) + "\n")


def complain(text: str) -> None:
    """Print why the check cannot run."""
    sys.stderr.write(f"compose-check: CANNOT RUN, nothing was checked: {text}\n")
