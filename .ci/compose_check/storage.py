"""Checks of what the services keep apart: racing writers, and those who have no keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compose_check.context import Context
from compose_check.errors import CheckFailedError, require
from compose_check.shell import run

SCRIPTS = Path(__file__).resolve().parent / "scripts"
RACE_BUCKET = "compose-check-race"
RACERS = ("worker", "worker", "scheduler", "scheduler", "triggerer", "triggerer")
ROUNDS, INCREMENTS = 30, 10
NOBODY = 65534
MAKE_BUCKET = "import boto3, sys; boto3.client('s3').create_bucket(Bucket=sys.argv[1])"
EMPTY_BUCKET = """import boto3, sys
bucket = boto3.resource("s3").Bucket(sys.argv[1])
print(int(bucket.Object("counter").get()["Body"].read()))
for each in bucket.objects.all():
    each.delete()
bucket.delete()
"""


def check_races(context: Context) -> str:
    """Let processes of three containers write the same objects under conditions: one winner each round."""
    stack, script = context.stack, (SCRIPTS / "race.py").read_text()
    stack.inside("worker", MAKE_BUCKET, RACE_BUCKET)

    def race(number: int, service: str) -> list[int]:
        arguments = (f"{service}-{number}", len(RACERS), ROUNDS, INCREMENTS)
        found: list[int] = json.loads(stack.inside(service, script, RACE_BUCKET, *map(str, arguments)))
        return found

    with ThreadPoolExecutor(len(RACERS)) as pool:
        won = list(pool.map(race, range(len(RACERS)), RACERS))
    counted = int(stack.inside("worker", EMPTY_BUCKET, RACE_BUCKET))
    winners = Counter(turn for turns in won for turn in turns)
    require(winners == Counter(range(ROUNDS)), f"Winners of each of {ROUNDS} rounds: {dict(sorted(winners.items()))}")
    require(counted == len(RACERS) * INCREMENTS, f"{counted} of {len(RACERS) * INCREMENTS} increments were kept.")
    each = ", ".join(str(len(turns)) for turns in won)
    return f"{ROUNDS} rounds of {len(RACERS)} processes in 3 containers, one winner each ({each}); {counted} increments"


def check_reach(context: Context) -> str:
    """See from the host, and from another container on the network, what answers without keys and passwords."""
    stack, script = context.stack, (SCRIPTS / "probe.py").read_text()
    addresses = {name: stack.address(name) for name in ("s3", "mlflow", "redis", "postgres")}
    container = ("run", "--rm", "--interactive", f"--network={stack.project}_inside", f"--user={NOBODY}", stack.image)
    names = [f"{name}={name}" for name in addresses]
    foreign = json.loads(stack.engine.docker(*container, "python", "-", *names, text=script))
    host = json.loads(_as_nobody(script, [f"{name}={address}" for name, address in addresses.items()]))
    wrong = [
        f"{place}: {complaint}"
        for place, found in (("from a foreign container", foreign), ("from the host", host))
        for complaint in _complaints(found)
    ]
    require(not wrong, "Without keys: " + "; ".join(wrong))
    context.measured["MLflow from the host"] = f"answers {host['mlflow:5000']} to `Host: localhost:5000`"
    return f"S3 asks for keys, its other ports refuse; MLflow from the host {context.measured['MLflow from the host']}"


def _as_nobody(script: str, arguments: list[str]) -> str:
    """Run a script on the host as a user who has no rights, where this process may choose one."""
    if os.geteuid():
        return run([sys.executable, "-", *arguments], text=script)
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    done = subprocess.run(
        [python, "-", *arguments],
        check=False,
        input=script,
        text=True,
        capture_output=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
    )
    if done.returncode:
        raise CheckFailedError(f"The probe failed: {done.stderr[-1000:]}")
    return done.stdout


def _complaints(found: dict[str, str]) -> list[str]:
    wanted = {name: "refused" for name in found if name.startswith("s3:") and not name.startswith("s3:8333")}
    wanted |= {"s3:8333 write": "403", "s3:8333 list": "403", "mlflow:5000 another name": "403"}
    wrong = [f"{name} answers {found[name]}, not {answer}" for name, answer in wanted.items() if found[name] != answer]
    if not found["redis:6379"].startswith("-NOAUTH"):
        wrong.append(f"redis answers {found['redis:6379']!r}")
    if found["postgres:5432"] != "R 10":
        wrong.append(f"postgres answers {found['postgres:5432']!r}")
    return wrong
