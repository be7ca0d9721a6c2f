"""Checks of what must last: rotated secrets, stop and start, backup and restore, and limits that were never near."""

from __future__ import annotations

import base64
import json
import secrets

from compose_check.context import USE_CASE, Context
from compose_check.errors import require
from compose_check.shell import run, wait_until
from compose_check.working import AS_OF

ROTATED = (
    *("AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_DATABASE_PASSWORD", "MLFLOW_DATABASE_PASSWORD"),
    *("REDIS_PASSWORD", "AIRWORTHY_S3_ACCESS_KEY", "AIRWORTHY_S3_SECRET_KEY"),
)


SUPERUSER = "POSTGRES_PASSWORD"
ROTATE_FERNET = "docker compose exec scheduler airflow rotate-fernet-key"
ALTER_SUPERUSER = (
    "docker compose exec postgres psql --username postgres --command \"ALTER ROLE postgres PASSWORD 'the new one'\""
)
CONNECTION_PASSWORD = "hunter2"  # noqa: S105  # of a connection that is made and removed with the rest
ADD_CONNECTION = (
    "airflow",
    "connections",
    "add",
    "kept",
    "--conn-uri",
    f"http://ada:{CONNECTION_PASSWORD}@example.org",
)
GET_CONNECTION = ("airflow", "connections", "get", "kept", "--output", "json")
LIST_WITH_KEYS = """import boto3, botocore.exceptions, json, sys
key, secret = json.loads(sys.argv[1])
try:
    boto3.client("s3", aws_access_key_id=key, aws_secret_access_key=secret).list_objects_v2(Bucket="airworthy-lake")
except botocore.exceptions.ClientError as error:
    print(error.response["ResponseMetadata"]["HTTPStatusCode"])
"""


def _ledger(context: Context) -> str:
    """Return the ledger held against the registry; the command fails where they differ."""
    ledger = context.command_line("ledger", USE_CASE)
    require("verified: " in ledger, f"The ledger is not verified:\n{ledger}")
    return ledger


def _read(context: Context) -> str:
    """Return what an operator reads: the summary of the use case, and the predictions of a day."""
    commands = (("report", USE_CASE), ("predictions", USE_CASE, AS_OF))
    return "\n".join(context.command_line(*command) for command in commands)


def check_limits(context: Context) -> str:
    """No service came near its limit of threads and processes."""
    usage = context.sampler.usage
    near = [
        f"{name}: {each.pids} of {each.pids_limit}, {each.refused} refused"
        for name, each in sorted(usage.items())
        if each.refused or (each.pids_limit and 2 * each.pids >= each.pids_limit)
    ]
    require(not near, "Half of the limit or more was used: " + "; ".join(near))
    return ", ".join(f"{name} {each.pids}/{each.pids_limit}" for name, each in sorted(usage.items()))


def rotate_secrets(context: Context) -> str:
    """Rotate secrets as documented: nothing is lost, and what was encrypted before can be read."""
    stack = context.stack
    # A worker is given five minutes to end its tasks before it is replaced.
    wait_until(lambda: not _unfinished(context), "runs to end")
    ledger = _ledger(context)
    stack.require_documented(ROTATE_FERNET, ALTER_SUPERUSER)
    stack.compose("exec", "--no-TTY", "scheduler", *ADD_CONNECTION)
    before = stack.secrets
    new = {name: secrets.token_hex(10 if name.endswith("ACCESS_KEY") else 32) for name in (*ROTATED, SUPERUSER)}
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    alter = ALTER_SUPERUSER.replace("the new one", new[SUPERUSER])
    _type(context, alter.replace(" exec ", " exec --no-TTY "))
    stack.set_secrets({**new, "AIRFLOW_FERNET_KEY": f"{fernet},{before['AIRFLOW_FERNET_KEY']}"})
    stack.up()
    _type(context, ROTATE_FERNET.replace(" exec ", " exec --no-TTY "))
    stack.set_secrets({"AIRFLOW_FERNET_KEY": fernet})
    stack.up()
    context.log_in_again()
    require(_ledger(context) == ledger, "The ledger is another after the rotation.")
    require("flight_delays__data" in str(context.airflow.call("GET", "/dags")), "Airflow's API shows no DAGs.")
    kept = stack.compose("exec", "--no-TTY", "scheduler", *GET_CONNECTION)
    require(CONNECTION_PASSWORD in kept, "A connection's password cannot be read with the new Fernet key.")
    old = json.dumps([before[name] for name in ("AIRWORTHY_S3_ACCESS_KEY", "AIRWORTHY_S3_SECRET_KEY")])
    require("403" in stack.inside("worker", LIST_WITH_KEYS, old), "S3 still takes the old keys.")
    return f"{len(ROTATED) + 2} secrets; ledger, API and a connection's password as before; S3 refuses the old keys"


def _type(context: Context, command: str) -> None:
    """Run a line of the documentation in a shell."""
    run(["bash", "-euc", command], environment=context.stack.environment, folder=context.stack.folder)


def stop_and_start(context: Context) -> str:
    """Take all containers down and start them again: everything is still there."""
    stack, ledger = context.stack, _ledger(context)
    stack.compose("down")
    stack.up()
    context.log_in_again()
    require(_ledger(context) == ledger, "The ledger is another after `down` and `up`.")
    return "ledger as before"


def back_up_and_restore(context: Context) -> str:
    """Back up, remove every volume, and restore, by the documented commands."""
    stack = context.stack
    wait_until(lambda: not _unfinished(context), "runs to end")
    ledger, read = _ledger(context), _read(context)
    stack.documented("Backing up")
    size = (
        sum(file.stat().st_size for file in stack.folder.glob("*.dump")) + (stack.folder / "s3.tar.gz").stat().st_size
    )
    stack.compose("down", "--volumes")
    require(not _volumes(context), f"`down --volumes` left {_volumes(context)}.")
    stack.documented("Restoring")
    context.log_in_again()
    require(_ledger(context) == ledger, "The restored ledger is another.")
    require(_read(context) == read, "The report or the predictions are others after the restore.")
    context.measured["size of a backup"] = f"{size / 1e6:.0f} MB"
    return f"{size / 1e6:.0f} MB; ledger verified; report and predictions as before"


def remove_all(context: Context) -> str:
    """Take everything down with its volumes: no container, network or volume is left, named or not."""
    stack = context.stack
    context.sampler.stop()
    stack.compose("down", "--volumes", "--remove-orphans")
    label = f"label=com.docker.compose.project={stack.project}"
    left = {
        "containers": stack.engine.docker("ps", "--all", "--quiet", "--filter", label),
        "networks": stack.engine.docker("network", "ls", "--quiet", "--filter", label),
        "volumes": " ".join(_volumes(context)),
    }
    require(not any(left.values()), f"Left after `down --volumes`: {left}")
    return "no container, network or volume left"


def _unfinished(context: Context) -> bool:
    """Whether tasks are running or about to: a backup would cut them off."""
    found = context.airflow.tasks("~")
    return any(task["state"] in ("running", "queued", "scheduled", "up_for_retry") for task in found)


def _volumes(context: Context) -> list[str]:
    """Return the volumes that were not there before the run."""
    return sorted(set(context.stack.engine.docker("volume", "ls", "--quiet").split()) - context.volumes_before)
